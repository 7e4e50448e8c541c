-- Claims a delivery, or completes it if an answer is given. Takes note of its token first, if there is one.
-- KEYS: the delivery, the token. ARGV: lease, how long to keep, how long to keep the token (all in ms), the answer.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if KEYS[2] and not redis.call('SET', KEYS[2], KEYS[1], 'NX', 'PX', ARGV[3])
    and redis.call('GET', KEYS[2]) ~= KEYS[1] then
    return {'refused'}
end
local row = redis.call('HMGET', KEYS[1], 'state', 'fence', 'until', 'answer')
if row[1] == 'done' then
    return {'done', row[4]}
end
if row[1] == 'claimed' and tonumber(row[3]) > now then
    return {'busy', string.format('%.0f', row[3] - now)}
end
local fence = string.format('%.0f', math.max(now, (tonumber(row[2]) or 0) + 1))
if ARGV[4] then
    redis.call('HSET', KEYS[1], 'state', 'done', 'fence', fence, 'answer', ARGV[4])
else
    redis.call('HSET', KEYS[1], 'state', 'claimed', 'fence', fence, 'until', string.format('%.0f', now + ARGV[1]))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'claimed', fence}
