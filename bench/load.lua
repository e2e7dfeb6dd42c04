-- wrk script: sends the requests of a file in turn for some seconds, then waits for every answer.
-- arguments: seconds, connections, file (bench/requests.py writes it: a length, a line end, so many bytes)

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *into);
  int getpid(void);
  int kill(int pid, int signal);
]]
local MONOTONIC, SIGINT = 1, 2
local time = ffi.new("bench_time")
local threads = {}
local requests = {}
local length, connections
local tried, silent = false, 0

first, last, sent = 0, 0, 0

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  length, connections = tonumber(arguments[1]), tonumber(arguments[2])
  local file = assert(io.open(arguments[3], "rb"))
  local size = file:read("*n")
  while size do
    file:read(1)
    table.insert(requests, file:read(size))
    size = file:read("*n")
  end
  file:close()
end

-- A connection asks for its next request once it has read an answer. In the end it gets one of no bytes and
-- stays silent; when all of them are, every request that was sent is answered, and wrk stops.
function request()
  if not tried then -- wrk parses one request before it opens a connection
    tried = true
    return requests[1]
  end
  last = now()
  if first == 0 then first = last end
  if last - first >= length then
    silent = silent + 1
    if silent == connections then ffi.C.kill(ffi.C.getpid(), SIGINT) end
    return ""
  end
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local thread = threads[1]
  io.write(string.format(
    '\nRESULT {"sent":%d,"answers":%d,"refused":%d,"broken":%d,"begun":%.6f,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"p999_us":%d}\n',
    thread:get("sent"), summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    thread:get("first"), thread:get("last") - thread:get("first"),
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
