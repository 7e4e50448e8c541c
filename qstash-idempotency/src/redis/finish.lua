-- Finishes a claim. KEYS: the delivery. ARGV: the fence, how long to keep (in ms), the answer.
local row = redis.call('HMGET', KEYS[1], 'state', 'fence')
if (row[1] ~= 'claimed' and row[1] ~= 'done') or row[2] ~= ARGV[1] then
    return {'refused'}
end
redis.call('HSET', KEYS[1], 'state', 'done', 'answer', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'accepted'}
