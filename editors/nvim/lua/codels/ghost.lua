-- What a person can do with ghost text: accept it, look at other candidates, dismiss it.
-- Each function returns true where it did something, so that a key can fall back to its usual meaning.

local M = {}

-- The name that Neovim itself gives to the namespace of its ghost text.
local NAMESPACE = 'nvim.lsp.inline_completion'
local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1 -- InlineCompletionTriggerKind.Invoked

-- Whether ghost text is shown in the current buffer.
function M.is_visible()
  local namespace = vim.api.nvim_create_namespace(NAMESPACE)
  return #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { limit = 1 }) > 0
end

-- What stands between the start of the item's range and the cursor: what was typed since the answer came.
-- Nil where the cursor is before that start.
local function typed_since(item)
  local row, col = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local cursor_row, cursor_col = cursor[1] - 1, cursor[2]
  if cursor_row < row or (cursor_row == row and cursor_col < col) then
    return nil
  end
  return table.concat(vim.api.nvim_buf_get_text(0, row, col, cursor_row, cursor_col, {}), '\n')
end

-- The item with its range stretched over what was `typed` since the answer came, or nil where that does not fit.
--
-- Neovim 0.12.4 inserts at the range of the answer, so that what was typed through the ghost stays behind it:
-- "return a" and Tab gives "return a + b a" (neovim issue 36529). Later versions stretch the range themselves
-- (pull request 41434); its end is then the cursor, and nothing is left to do here.
-- A wrong edit is worse than none: an item that contradicts the typed text is refused, and so is one that
-- replaces text right of the cursor, because where that text is now cannot be told from the item.
local function reanchor(item, typed)
  if not typed or not vim.startswith(item.insert_text, typed) then
    return nil
  end
  local row, col, end_row, end_col = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  if typed == '' or (end_row == cursor[1] - 1 and end_col == cursor[2]) then
    return item
  end
  if end_row ~= row or end_col ~= col then
    return nil
  end
  item.range = vim.range.extmark(0, row, col, cursor[1] - 1, cursor[2])
  return item
end

-- `get()` acts in the next round of the event loop, when keys typed behind the accepting one would already stand
-- in the buffer. So that round is waited for; it is a matter of a millisecond.
local function get_now(on_accept)
  local is_done = false
  vim.lsp.inline_completion.get({ on_accept = on_accept })
  vim.schedule(function()
    is_done = true
  end)
  vim.wait(1000, function()
    return is_done
  end, 1)
end

-- Inserts the suggestion. Edits the buffer at once; an <expr> mapping, where Neovim forbids that, cannot call it.
function M.accept()
  if not M.is_visible() then
    return false
  end
  -- Closes the undo block: undo then takes back the suggestion alone, not the typing before it.
  vim.cmd('let &l:undolevels = &l:undolevels')
  local is_used_up = false
  get_now(function(item)
    if type(item.insert_text) ~= 'string' or not item.range then
      return item
    end
    local typed = typed_since(item)
    is_used_up = typed == item.insert_text
    return not is_used_up and reanchor(item, typed) or nil
  end)
  return not is_used_up
end

-- `get()` forgets the item, its pending requests and the ghost before it asks `on_accept`; an answer of nil
-- leaves it at that. The next request comes with the next key typed.
function M.dismiss()
  if not M.is_visible() then
    return false
  end
  get_now(function() end)
  return true
end

-- Neovim's own requester of a buffer. There is no public way to ask for suggestions by hand, so this reaches
-- for an internal one; where a later Neovim has moved it, only asking by hand is lost.
local function requester(bufnr)
  local ok, found = pcall(function()
    return require('vim.lsp._capability').all.inline_completion.active[bufnr]
  end)
  if ok and found and vim.is_callable(found.request) then
    return found
  end
end

-- How many candidates the last answer held; 0 where that cannot be told.
local function n_candidates(bufnr)
  local found = requester(bufnr)
  return found and vim.is_callable(found.count_items) and found:count_items() or 0
end

local function select(bufnr, count)
  vim.lsp.inline_completion.select({ bufnr = bufnr, count = count })
end

-- Runs `act` once the next request for suggestions has been answered and its ghost drawn.
local function after_next_answer(bufnr, act)
  local asked -- the first request made from now on
  vim.api.nvim_create_autocmd('LspRequest', {
    group = vim.api.nvim_create_augroup('codels.ask', {}),
    buffer = bufnr,
    callback = function(event)
      local id, request = event.data.request_id, event.data.request
      if request.method ~= METHOD then
        return false
      end
      if request.type == 'pending' then
        asked = asked or id
        return false
      end
      if id ~= asked then
        return false
      end
      -- The event comes before the answer is drawn, hence the wait for the next round of the event loop.
      vim.schedule(act)
      return true
    end,
  })
end

-- Asks by hand, and moves on by `count` in the answer unless something has been typed meanwhile.
local function ask(bufnr, count)
  local found = requester(bufnr)
  if not found then
    return false
  end
  local changedtick = vim.api.nvim_buf_get_changedtick(bufnr)
  after_next_answer(bufnr, function()
    if count ~= 0 and vim.api.nvim_buf_get_changedtick(bufnr) == changedtick then
      select(bufnr, count)
    end
  end)
  found:request(INVOKED)
  return true
end

-- While typing, the server offers one suggestion; others have to be asked for by hand.
local function move(count)
  local bufnr = vim.api.nvim_get_current_buf()
  if not M.is_visible() then
    return ask(bufnr, 0)
  end
  if n_candidates(bufnr) == 1 then
    return ask(bufnr, count)
  end
  select(bufnr, count)
  return true
end

-- The next candidate; with no ghost on the screen, a suggestion asked for by hand.
function M.next()
  return move(1)
end

function M.prev()
  return move(-1)
end

return M
