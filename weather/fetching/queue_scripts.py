"""The scripts of the fetch queue. All of their keys have one hash tag, so that a cluster keeps them on one server.

A queue is a sorted set of cells. A cell's score is its expiry time in unix seconds by Redis' clock; refreshes add 1e12,
so that they sort after all cold cells. Queuing a cell as cold overwrites its score; queuing it as a refresh never does.

Cells stay in the queue while they are asked for. Beside it a hash has the token of the lease under which each is:
without that lease, which was released or expired, a cell is not asked for any more. Until then it does not leave the
queue when its time is over: whoever paid for it still waits for the outcome.
"""

from weathernote import redis
from weathernote.redis import Role

#: KEYS: the queue. ARGV: seconds that cold cells stay, and refreshes, the number of cold cells, all cells.
ENQUEUE = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local now = tonumber(redis.call('TIME')[1])
local cold_until, refresh_until = now + ARGV[1], now + ARGV[2] + 1e12
for i = 4, #ARGV do
    if i < 4 + ARGV[3] then
        redis.call('ZADD', KEYS[1], cold_until, ARGV[i])
    else
        redis.call('ZADD', KEYS[1], 'NX', refresh_until, ARGV[i])
    end
end
return redis.call('EXPIRE', KEYS[1], 600)
""",
    role=Role.PRIMARY,
)
#: KEYS: the queue, its hash of cells that are asked for, the turn, each slot. ARGV: a new token, the milliseconds of a
#: lease, the most cells of a call, the milliseconds of a turn, 1 if refreshes take no turn, how many cells are not
#: divided, the milliseconds over which fewer are spread, and the holder's own cells, if it has any. The reply is false
#: without a lease; else the slot's index, the cold cells, and the refreshes, or the holder's own cells in their place.
#:
#: The datasets' queues take turns: one whose requests wait while another dataset has leases, and none is free, is next.
#: Its processes ask for a lease every few milliseconds, so that a turn which nobody takes up soon ends. Refreshes have
#: no turn if they are late ones. Where several slots are free, what waits is divided among them. Few cells wait for a
#: moment after the last call began, the longer the more slots are taken: else the first to come would take all slots
#: one by one, and those behind them wait until these calls end, which is at the same time.
LEASE_LUA = """
for i, type in ipairs({'zset', 'hash'}) do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= type and kind ~= 'none' then redis.call('DEL', KEYS[i]) end
end
local turn = redis.call('GET', KEYS[3])
if turn and turn ~= KEYS[1] then return false end
local free, free_count, leases, is_anothers = nil, 0, {}, false
for i, holder in ipairs(redis.call('MGET', unpack(KEYS, 4))) do
    if holder then
        leases[holder] = true
        is_anothers = is_anothers or string.sub(holder, 1, #KEYS[1]) ~= KEYS[1]
    else
        free, free_count = free or i - 1, free_count + 1
    end
end
if not (free or is_anothers) then return false end

local asked, marks = {}, redis.call('HGETALL', KEYS[2])
for i = 1, #marks, 2 do
    if leases[marks[i + 1]] then asked[marks[i]] = true else redis.call('HDEL', KEYS[2], marks[i]) end
end
local function not_asked(cells)
    local left = {}
    for _, cell in ipairs(cells) do
        if not asked[cell] then left[#left + 1] = cell end
    end
    return left
end
local now = tonumber(redis.call('TIME')[1])
for _, range in ipairs({{'-inf', '(' .. now}, {1e12, 1e12 + now}}) do
    for _, cell in ipairs(not_asked(redis.call('ZRANGEBYSCORE', KEYS[1], range[1], range[2]))) do
        redis.call('ZREM', KEYS[1], cell)
    end
end
local most = tonumber(ARGV[3])
local some = #marks / 2 + most * math.max(1, free_count)
local cold = not_asked(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(1e12', 'LIMIT', 0, some))
local refresh = not_asked(redis.call('ZRANGEBYSCORE', KEYS[1], 1e12, '+inf', 'LIMIT', 0, some))
if not free then
    if #cold > 0 or (ARGV[5] == '0' and #refresh > 0) then redis.call('SET', KEYS[3], KEYS[1], 'PX', ARGV[4]) end
    return false
end
local own = {}
for i = 8, #ARGV do own[#own + 1] = ARGV[i] end
local slots = #KEYS - 3
if #own == 0 and free_count < slots and #cold + #refresh < tonumber(ARGV[6]) then
    local gap = ARGV[7] * (slots - free_count) / slots
    for i = 4, #KEYS do
        -- The lease of a process with a longer timeout says nothing of when it began.
        local age = ARGV[2] - redis.call('PTTL', KEYS[i])
        if age >= 0 and age < gap then return false end
    end
end
redis.call('DEL', KEYS[3])
if #own > 0 then
    refresh = not_asked(own)
    if #refresh == 0 then return false end
elseif #cold + #refresh == 0 then
    return false
else
    most = math.min(most, math.max(tonumber(ARGV[6]), math.ceil((#cold + #refresh) / free_count)))
end

local function marked(cells, count)
    local taken = {}
    for i = 1, math.min(#cells, count) do
        taken[i] = cells[i]
        redis.call('HSET', KEYS[2], cells[i], ARGV[1])
    end
    return taken
end
redis.call('SET', KEYS[4 + free], ARGV[1], 'PX', ARGV[2])
cold = marked(cold, most)
local is_cold = {}
for _, cell in ipairs(cold) do is_cold[cell] = true end
local further = {}
for _, cell in ipairs(refresh) do
    if not is_cold[cell] then further[#further + 1] = cell end
end
refresh = marked(further, most - #cold)
redis.call('EXPIRE', KEYS[2], 600)
return {free, cold, refresh}
"""
LEASE = redis.script(LEASE_LUA, role=Role.PRIMARY)
