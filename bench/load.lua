-- Sends requests for some seconds; then each connection waits for its last answer and sends no
-- more, and wrk ends once all have. So whatever was asked was answered, and a server's own counts
-- can be compared with the number of answers.
--
-- Arguments: SECONDS CONNECTIONS GET PATH...
--        or  SECONDS CONNECTIONS PUT|POST PATH CONTENT-TYPE FILE   (a PUT gets a new name each time)
local ffi = require("ffi")
ffi.cdef [[
   typedef struct { long seconds; long nanoseconds; } moment;
   int clock_gettime(int clock, moment *now);
   int getpid(void);
   int kill(int pid, int signal);
]]
local MONOTONIC, SIGINT, FOREVER_MS = 1, 2, 3600000

local moment = ffi.new("moment")
local seconds, connections, method, paths, body
local turn, waiting, started = 0, 0, nil

-- Read by done(), which lives in another state: wrk hands over globals only.
asked, took = 0, 0

local function now()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function init(arguments)
   seconds, connections = tonumber(arguments[1]), tonumber(arguments[2])
   method = arguments[3]
   if method == "GET" then
      paths = { unpack(arguments, 4) }
      return
   end
   paths = { arguments[4] }
   wrk.headers["Content-Type"] = arguments[5]
   local file = io.open(arguments[6], "rb")
   body = file:read("*a")
   file:close()
   -- Names of different runs must differ too.
   turn = os.time() % 1000000 * 1000000
end

-- wrk asks before each request of a connection how many milliseconds to wait.
function delay()
   local time = now()
   if not started then
      -- wrk has asked for one request before, to see whether it is well-formed.
      started, asked = time, 0
   end
   if time - started < seconds then
      return 0
   end
   waiting = waiting + 1
   if waiting == connections then
      took = time - started
      ffi.C.kill(ffi.C.getpid(), SIGINT)
   end
   return FOREVER_MS
end

function request()
   asked = asked + 1
   turn = turn + 1
   if method == "PUT" then
      return wrk.format(method, paths[1] .. string.format("%d", turn), nil, body)
   end
   return wrk.format(method, paths[turn % #paths + 1], nil, body)
end

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function done(summary)
   print(string.format(
      "asked %d answered %d in %.6f", threads[1]:get("asked"), summary.requests, threads[1]:get("took")
   ))
end
