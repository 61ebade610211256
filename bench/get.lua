-- Fetches the paths it is given, in turn.
local paths
local turn = 0

function init(arguments)
   paths = arguments
end

function request()
   turn = turn % #paths + 1
   return wrk.format("GET", paths[turn])
end
