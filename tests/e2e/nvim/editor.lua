-- A real Neovim with a drawn screen, driven over its own RPC. A scenario opens one, types, waits and compares.

local M = {}
M.__index = M

-- Generous: it ends a test that hangs, and measures nothing.
local WAIT_MS = tonumber(vim.env.CODELS_E2E_WAIT_MS) or 60000
local COLUMNS, ROWS = 80, 24

-- Runs inside the tested Neovim: notes for which state of the buffer the last answer was given.
local WATCH = [[
  local asked = {}
  local function state(bufnr)
    return vim.inspect({ vim.api.nvim_buf_get_changedtick(bufnr), vim.api.nvim_win_get_cursor(0) })
  end
  vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)
    local request = event.data.request
    if request.method ~= 'textDocument/inlineCompletion' then return end
    if request.type == 'pending' then asked[event.data.request_id] = state(event.buf) end
    local answered = request.type == 'complete' and asked[event.data.request_id]
    -- The event comes before the ghost is drawn.
    if answered then vim.schedule(function() _G.answered = answered end) end
  end })
  function _G.is_answered() return _G.answered == state(0) and vim.api.nvim_get_mode().mode:find('^i') ~= nil end
]]

local GHOST = [[
  local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
  local mark = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })[1]
  if not mark then return vim.NIL end
  local rows = { mark[4].virt_text or {}, unpack(mark[4].virt_lines or {}) }
  for i, chunks in ipairs(rows) do
    rows[i] = vim.iter(chunks):map(function(chunk) return chunk[1] end):join('')
  end
  return table.concat(rows, '\n')
]]

-- Starts Neovim with the user's file `init`, by default the one that README.md shows. Nothing is drawn yet:
-- a message longer than the screen is wide would then wait for somebody to press Enter.
function M.start(init)
  local self = setmetatable({}, M)
  local command = { vim.v.progpath, '--clean', '--embed', '--headless', '-u', init or vim.env.CODELS_INIT }
  self.channel = vim.fn.jobstart(command, { rpc = true })
  return self
end

-- A file in a Neovim, once codels serves it; without `lines` it is there already.
function M.open(name, lines, init)
  if lines then
    vim.fn.writefile(lines, name)
  end
  local self = M.start(init)
  self:call('nvim_ui_attach', COLUMNS, ROWS, { rgb = true })
  self:lua(WATCH)
  self:call('nvim_command', 'edit ' .. name)
  self:wait('codels serves ' .. name, function()
    return self:lua([[return #vim.lsp.get_clients({ bufnr = 0, method = 'textDocument/inlineCompletion' })]]) == 1
  end)
  return self
end

function M:call(name, ...)
  -- This one call is answered even where Neovim waits for somebody to press Enter; all others would hang.
  local function is_free()
    return not vim.rpcrequest(self.channel, 'nvim_get_mode').blocking
  end
  if not vim.wait(WAIT_MS, is_free, 20) then
    io.write('FAILED: Neovim shows a message and waits for Enter\n')
    os.exit(1)
  end
  return vim.rpcrequest(self.channel, name, ...)
end

function M:lua(code, ...)
  return self:call('nvim_exec_lua', code, { ... })
end

function M:messages()
  return self:call('nvim_exec2', 'messages', { output = true }).output
end

function M:fail(what)
  io.write('FAILED: ', what, '\n--- screen\n', self:screen(), '\n--- buffer\n', self:text())
  io.write('\n--- messages\n', self:messages(), '\n')
  os.exit(1)
end

function M:wait(what, condition)
  if not vim.wait(WAIT_MS, condition, 20) then
    self:fail('waited in vain until ' .. what)
  end
end

function M:expect(what, found, wanted)
  if not vim.deep_equal(found, wanted) then
    self:fail(('%s: found %s, wanted %s'):format(what, vim.inspect(found), vim.inspect(wanted)))
  end
  io.write('ok ', what, '\n')
end

function M:expect_true(what, found)
  self:expect(what, found and true or false, true)
end

function M:type(keys)
  self:call('nvim_input', keys)
end

-- Types, and waits until the server has answered for the buffer as it is now.
function M:type_and_settle(keys)
  self:lua('_G.answered = nil')
  self:type(keys)
  self:wait('the server has answered after ' .. keys, function()
    return self:lua('return is_answered()')
  end)
end

-- Types, waits for ghost text, and returns it.
function M:type_for_ghost(keys)
  self:type_and_settle(keys)
  local ghost = self:ghost()
  self:expect_true('ghost text after ' .. keys, ghost and ghost ~= '')
  return ghost
end

-- A file that says the same things twice, but for the end of the second time: any model is sure there.
M.SHAPES = {
  '"""Shapes."""',
  '',
  '',
  'class Square:',
  '    def __init__(self, width, height):',
  '        self.width = width',
  '        self.height = height',
  '',
  '    def area(self):',
  '        return self.width * self.height',
  '',
  '',
  'class Box:',
  '    def __init__(self, width, height):',
}

-- One of them is enough: which one, is the model's own business. The file's indentation is kept by Neovim.
local OPENINGS = { 'self.width = ', 'self.hei', 'self.', 'super().' }

-- Opens a line with something that the built-in model goes on with, and returns its ghost text.
function M:type_for_any_ghost()
  for _, opening in ipairs(OPENINGS) do
    self:type_and_settle('<Esc>Go' .. opening)
    local ghost = self:ghost()
    if ghost and #ghost > 3 then
      io.write(('ok ghost text %q after %q\n'):format(ghost, opening))
      return ghost
    end
  end
  self:fail('the model goes on with none of ' .. vim.inspect(OPENINGS))
end

-- The ghost text, or nil.
function M:ghost()
  local ghost = self:lua(GHOST)
  return ghost ~= vim.NIL and ghost or nil
end

function M:text()
  return table.concat(self:call('nvim_buf_get_lines', 0, 0, -1, false), '\n')
end

function M:expect_text(what, wanted)
  self:wait(('%s: %q'):format(what, wanted), function()
    return self:text() == wanted
  end)
  io.write('ok ', what, '\n')
end

-- What is drawn, one line a row, without the spaces at the rows' ends.
function M:screen()
  local rows = self:lua(([[
    vim.cmd.redraw()
    local rows = {}
    for row = 1, %d do
      rows[row] = ''
      for column = 1, %d do rows[row] = rows[row] .. vim.fn.screenstring(row, column) end
    end
    return rows
  ]]):format(ROWS, COLUMNS))
  return vim.iter(rows):map(function(row)
    return (row:gsub('%s+$', ''))
  end):join('\n')
end

-- Ends it. A session in which all went well has nothing to tell its user.
function M:quit()
  self:expect('messages of codels', self:messages():match('[^\n]*codels:[^\n]*'), nil)
  vim.rpcnotify(self.channel, 'nvim_command', 'qall!')
  vim.fn.jobwait({ self.channel }, WAIT_MS)
end

return M
