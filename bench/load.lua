-- wrk script: POSTs the lines of a file in turn for some seconds, then lets what is in flight come back.
-- arguments: seconds, path, key, file

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *into);
]]
local MONOTONIC = 1
local time = ffi.new("bench_time")
local threads = {}
local requests = {}
local sent = 0
local length

first, last = 0, 0

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  length = tonumber(arguments[1])
  local headers = { ["content-type"] = "application/json", ["x-api-key"] = arguments[3] }
  for body in io.lines(arguments[4]) do
    table.insert(requests, wrk.format("POST", arguments[2], headers, body))
  end
end

-- A connection asks for its next request once it has read an answer. In the end it gets one of no bytes and
-- stays silent, so that every request that was sent is answered and counted.
function request()
  last = now()
  if first == 0 then first = last end
  if last - first >= length then return "" end
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local thread = threads[1]
  io.write(string.format(
    '\nRESULT {"answers":%d,"refused":%d,"broken":%d,"begun":%.6f,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"p999_us":%d}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    thread:get("first"), thread:get("last") - thread:get("first"),
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
