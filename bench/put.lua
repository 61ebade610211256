-- Uploads one body again and again: METHOD PATH CONTENT-TYPE FILE. A PUT gets a new name each time.
local method, path, body
local turn = 0

function init(arguments)
   method, path = arguments[1], arguments[2]
   wrk.headers["Content-Type"] = arguments[3]
   local file = io.open(arguments[4], "rb")
   body = file:read("*a")
   file:close()
   -- Names of different runs must differ too.
   turn = os.time() % 1000000 * 1000000
end

function request()
   if method == "POST" then
      return wrk.format(method, path, nil, body)
   end
   turn = turn + 1
   return wrk.format(method, path .. string.format("%d", turn), nil, body)
end
