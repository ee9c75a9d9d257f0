-- Sends what stands in a file, in its order, again and again: `wrk -s wrk.lua URL -- FILE UNIQUE`.
-- A request has four lines: method, path, headers (name: value, parted by tabs), body. Each MARK in
-- a body is replaced by what no other request has: UNIQUE and a number, as long as MARK.

local MARK = "@@@@@@@@@@@@@@@@@@@@"
local wholes, places = {}, {}
local place, number, unique = 0, 0, ""
local verified = false

local function parted(whole)
    local parts, from = {}, 1
    while true do
        local first, last = whole:find(MARK, from, true)
        parts[#parts + 1] = whole:sub(from, (first or 0) - 1)
        if not first then
            return parts
        end
        from = last + 1
    end
end

function init(arguments)
    unique = arguments[2]
    local lines = {}
    for line in io.lines(arguments[1]) do
        lines[#lines + 1] = line
    end
    for first = 1, #lines, 4 do
        local headers = {}
        for name, value in lines[first + 2]:gmatch("([^\t:]+): ([^\t]+)") do
            headers[name] = value
        end
        local body = lines[first + 3]
        local whole = wrk.format(lines[first], lines[first + 1], headers, body ~= "" and body or nil)
        wholes[#wholes + 1] = whole
        places[#wholes] = whole:find(MARK, 1, true) and parted(whole) or false
    end
end

function request()
    -- wrk asks once before it begins, to see how many a request is, and does not send that.
    if not verified then
        verified = true
        return wholes[1]
    end
    place = place % #wholes + 1
    local parts = places[place]
    if not parts then
        return wholes[place]
    end
    number = number + 1
    return table.concat(parts, unique .. string.format("%0" .. (#MARK - #unique) .. "d", number))
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "lost": %d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
