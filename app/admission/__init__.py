"""Admission control: the ladder of limits that a request climbs, and what stops it on each rung.

rung             limited by                                 a caller beyond the limit sees
---------------  -----------------------------------------  -----------------------------------
socket           CUTOUT_CONNECTIONS                         the longest-idle connection is
                                                            closed; the new one if none is idle
                 CUTOUT_KEEP_ALIVE_SECONDS                  the idle connection is closed
request headers  64 KiB, 200 headers, 16 pipelined         400 malformed_request
                 CUTOUT_HEADER_SECONDS                      the connection is closed
                 CUTOUT_TRUSTED_HOSTS                       421 unknown_host
key              CUTOUT_API_KEYS                            401 unauthorized
permit           CUTOUT_THREADS + CUTOUT_QUEUE              429 overloaded, at once
rate             CUTOUT_REQUESTS_PER_MINUTE                 429 rate_limited, at once
body             CUTOUT_MAX_UPLOAD_BYTES                    413 upload_too_large
                 CUTOUT_UPLOAD_SECONDS                      408 slow_upload
                 CUTOUT_MIN_BYTES_PER_SECOND                408 slow_upload
thread           CUTOUT_THREADS                             waits
room             CUTOUT_MAX_PIXELS                          413 image_too_large
                 CUTOUT_PIXELS_AT_ONCE                      waits, in its thread
deadline         CUTOUT_DEADLINE_SECONDS                    504 too_slow
send             CUTOUT_SEND_SECONDS                        the connection is closed
                 CUTOUT_MIN_BYTES_PER_SECOND                the connection is closed

`permits`, `rates`, `threads` and `room` are rungs of this package, `workers` puts three of them
together, and `pace` delays refusals when there are very many. `app.server` guards the socket, the
headers and the sending, `app.api.intake` asks for the key and reads the body. A permit is held from
before the body is read until the response is sent, so everything below it happens to a bounded
number of requests.
"""
