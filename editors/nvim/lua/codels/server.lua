-- Finds the server's executable. Starts nothing.

local M = {}

-- The plugin lives in <clone>/editors/nvim/lua/codels, so the clone is four folders above this file's own.
local function clone()
  local file = debug.getinfo(1, 'S').source:sub(2)
  return vim.fn.fnamemodify(file, ':p:h:h:h:h:h')
end

-- In the order of preference: what the user installed wins over what `make` left in the clone.
local function candidates()
  local root = clone()
  return { 'codels', root .. '/.venv/bin/codels', root .. '/.venv/Scripts/codels.exe' }
end

-- The command line of the server. Where nothing is installed it is still `codels serve`,
-- so that whoever starts it can name what is missing.
function M.command()
  for _, path in ipairs(candidates()) do
    if vim.fn.executable(path) == 1 then
      return { path, 'serve' }
    end
  end
  return { 'codels', 'serve' }
end

-- Why `cmd` cannot be started, with the remedy; nil where it can.
function M.problem(cmd)
  if vim.fn.executable(cmd[1]) == 1 then
    return nil
  end
  return ("cannot run '%s'; install codels (in its clone: make), put it on the PATH, or set the option 'cmd'"):format(
    cmd[1]
  )
end

-- The same executable with another subcommand, or nil where `cmd` is not of the form `... serve`.
function M.subcommand(cmd, ...)
  if cmd[#cmd] ~= 'serve' then
    return nil
  end
  local line = vim.list_slice(cmd, 1, #cmd - 1)
  return vim.list_extend(line, { ... })
end

return M
