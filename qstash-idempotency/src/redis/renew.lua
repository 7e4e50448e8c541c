-- Renews a claim. KEYS: the delivery. ARGV: the fence, the lease and how long to keep (in ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'state', 'fence')
if row[1] ~= 'claimed' or row[2] ~= ARGV[1] then
    return {'refused'}
end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'accepted'}
