-- Replays a file of requests: "path<TAB>client" a line, with "<TAB>body" behind it for a POST of JSON. Each thread takes every so-manieth line, from its own start.
-- With WRK_PAUSE_MS each connection pauses before each request: for that time in the mean, and twice it at most.
local made = 0

function setup(thread)
    thread:set("number", made)
    thread:set("threads", tonumber(os.getenv("WRK_THREADS")))
    made = made + 1
end

local requests, at = {}, 0

function init(arguments)
    math.randomseed(number + 1)
    local line_number, mine = 0, 0
    for line in io.lines(os.getenv("WRK_REQUESTS")) do
        if line_number % threads == number then
            local path, client, body = line:match("([^\t]*)\t([^\t]*)\t?(.*)")
            local headers = {["Host"] = wrk.headers["Host"], ["x-client-id"] = client}
            mine = mine + 1
            if body == "" then
                requests[mine] = wrk.format("GET", path, headers)
            else
                headers["Content-Type"] = "application/json"
                requests[mine] = wrk.format("POST", path, headers, body)
            end
        end
        line_number = line_number + 1
    end
    -- Where a run begins is told from outside, so that the next run goes on with other clients.
    at = math.floor(#requests * tonumber(os.getenv("WRK_BEGIN") or "0"))
end

local pause_ms = tonumber(os.getenv("WRK_PAUSE_MS") or "0")
if pause_ms > 0 then
    function delay()
        return math.random(0, 2 * pause_ms)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %.6f, "bytes": %d, "unwanted": %d, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
    ))
end
