-- Takes note of a token. KEYS: the token, the delivery. ARGV: how long to keep it (in ms).
if redis.call('SET', KEYS[1], KEYS[2], 'NX', 'PX', ARGV[1]) or redis.call('GET', KEYS[1]) == KEYS[2] then
    return {'accepted'}
end
return {'refused'}
