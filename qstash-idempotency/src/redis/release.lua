-- Gives a claim back. KEYS: the delivery. ARGV: the fence, how long to keep (in ms).
local row = redis.call('HMGET', KEYS[1], 'state', 'fence')
if row[1] ~= 'claimed' or row[2] ~= ARGV[1] then
    return {'refused'}
end
redis.call('HSET', KEYS[1], 'state', 'free')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'accepted'}
