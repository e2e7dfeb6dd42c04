"""Second factors in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, Area, Body, operation
from services.rest.openapi.shapes import AT, OPTIONAL_MOMENT, TEXT, Json, an_object, list_of, ok

_TAG: Final = "Second factor"
_PATH: Final = "/api/v1/auth/second-factor"
_READ: Final = (400, 401, 403, 503)
_JUDGED: Final = (*_READ, 429)
_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_CODES: Final[Json] = {
    **list_of(TEXT),
    "description": "Each takes the place of a code once. They are shown this once.",
}
_SHOWN: Final = Body(
    ok(recovery_codes=_CODES), {"ok": True, "recovery_codes": ["mfrg-g2lk-nbuw-4zlt", "onsw-45df-pfxx-k3tu"]}
)
_BOTH: Final = Body(
    an_object(
        {
            "password": {**TEXT, "description": "The account's, again."},
            "code": {**TEXT, "description": "Of the authenticator app, or a recovery code."},
        }
    ),
    {"password": "correct horse", "code": "287082"},
)

AREA: Final = Area(
    _TAG,
    {
        _PATH: {
            "get": operation(
                _TAG,
                "getSecondFactor",
                "Say whether the account's log-ins need a code",
                Body(
                    ok(
                        second_factor=an_object(
                            {
                                "enabled": {"type": "boolean"},
                                "enabled_at": OPTIONAL_MOMENT,
                                "recovery_codes_left": {"type": "integer", "minimum": 0},
                            }
                        )
                    ),
                    {
                        "ok": True,
                        "second_factor": {"enabled": True, "enabled_at": AT, "recovery_codes_left": 10},
                    },
                ),
                errors=_READ,
            ),
            "post": operation(
                _TAG,
                "beginSecondFactor",
                "Get a secret for an authenticator app (RFC 6238): it counts once a code has confirmed it",
                Body(
                    ok(
                        secret={**TEXT, "description": "Base32, to type into the app. Shown this once."},
                        uri={**TEXT, "description": "The same for a QR code: otpauth://totp/…"},
                    ),
                    {
                        "ok": True,
                        "secret": _SECRET,
                        "uri": "otpauth://totp/Sankofa:ada%40example.com?digits=6"
                        f"&secret={_SECRET}&algorithm=SHA1&issuer=Sankofa&period=30",
                    },
                ),
                errors=(*_JUDGED, 409),
                body=Body(an_object({"password": TEXT}), {"password": "correct horse"}),
            ),
        },
        f"{_PATH}/confirm": {
            "post": operation(
                _TAG,
                "confirmSecondFactor",
                "Confirm the secret within 15 minutes: from then on a log-in needs a code",
                _SHOWN,
                errors=(*_JUDGED, 404, 409),
                body=Body(
                    an_object({"code": {**TEXT, "description": "Six digits of the app."}}), {"code": "287082"}
                ),
            )
        },
        f"{_PATH}/recovery-codes": {
            "post": operation(
                _TAG,
                "renewRecoveryCodes",
                "Get other recovery codes: those from before end",
                _SHOWN,
                errors=(*_JUDGED, 404),
                body=_BOTH,
            )
        },
        f"{_PATH}/disable": {
            "post": operation(
                _TAG,
                "disableSecondFactor",
                "Do without: a log-in needs the password only",
                DONE,
                errors=(*_JUDGED, 404),
                body=_BOTH,
            )
        },
    },
)
