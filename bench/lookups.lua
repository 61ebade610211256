-- Fetches the paths it is given, one after the other, from a place of chance.
local paths
local turn

function init(arguments)
   paths = arguments
   math.randomseed(os.time())
   turn = math.random(#paths)
end

function request()
   turn = turn % #paths + 1
   return wrk.format("GET", paths[turn])
end
