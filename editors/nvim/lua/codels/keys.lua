-- The keys of a buffer that codels serves. Where there is no ghost text, a key means what it meant before.

local M = {}

-- The former mapping of `key` lives on under a <Plug> name of its own, with all its properties
-- (expression, Lua function, remapping); without one, that name stands for the plain key.
local function keep_former(action, key)
  local plug = ('<Plug>(codels-no-%s)'):format(action)
  local former = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(former) then
    vim.keymap.set('i', plug, key, { buffer = 0 })
    return plug
  end
  former.lhs, former.lhsraw, former.lhsrawalt = plug, vim.keycode(plug), nil
  former.buffer = 1
  vim.fn.mapset('i', false, former)
  return plug
end

local function map(action, key, act)
  local plug = vim.keycode(keep_former(action, key))
  vim.keymap.set('i', key, function()
    if not act() then
      -- Before whatever has been typed since (i), and with mappings (m).
      vim.api.nvim_feedkeys(plug, 'im', false)
    end
  end, { buffer = 0, desc = 'codels: ' .. action })
end

-- Once per buffer: a server that comes back must not take our own mapping for the former one.
local function attach(keys)
  if vim.b.codels_has_keys then
    return
  end
  vim.b.codels_has_keys = true
  local ghost = require('codels.ghost')
  for action, key in pairs(keys) do
    if key then
      map(action, key, ghost[action])
    end
  end
end

-- From now on, each buffer gets `keys` as soon as codels serves it.
function M.install(keys)
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('codels.keys', {}),
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'codels' then
        vim.api.nvim_buf_call(event.buf, function()
          attach(keys)
        end)
      end
    end,
  })
end

return M
