// swiftc -parse-as-library live.swift
import Foundation

let events = "https://weather.example/api/v1/weather/events"
let longestWaitMs = 300_000.0
let silenceSeconds = 60.0  // the service says something every 25 s

struct Current: Decodable { let temperature_2m: Double? }
struct Weather: Decodable {
    let current: Current
    let units: [String: String]
    let stale: Bool
}
struct Mistake: Error { let status: Int }

/// `lat` and `lon` are rounded to a tenth, as `tenth` of the whole client does it.
actor LiveWeather {
    private let clientId: String
    private let url: URL
    private var lastId: String?
    private var retryMs = 4_000.0
    private var failures = 0.0

    init(clientId: String, lat: String, lon: String, units: String = "metric") {
        self.clientId = clientId
        self.url = URL(string: "\(events)?lat=\(lat)&lon=\(lon)&units=\(units)")!
    }

    /// Calls `show` at once and whenever the weather changes, until its task is cancelled: `.task { }` of a view does that
    /// when the view is left; end it too when `scenePhase` is not active.
    func listen(_ show: @Sendable (Weather) async -> Void) async throws {
        while true {
            var refusedMs = 0.0
            do {
                refusedMs = try await read(show)
            } catch let mistake as Mistake {
                throw mistake  // in the app: do not repeat it
            } catch {
                try Task.checkCancellation()  // else the network has gone, or nothing came for too long
            }
            // Full jitter: anywhere in a span that doubles, so that those whom a restart has cut off come back apart.
            let span = min(retryMs * pow(2, failures), longestWaitMs)
            failures += 1
            try await Task.sleep(nanoseconds: UInt64((refusedMs + Double.random(in: 0...span)) * 1_000_000))
        }
    }

    /// One connection. Returns how many milliseconds the service wants to be left alone: 0 if it just ended.
    private func read(_ show: @Sendable (Weather) async -> Void) async throws -> Double {
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: silenceSeconds)
        request.setValue(clientId, forHTTPHeaderField: "x-client-id")
        request.setValue("text/event-stream", forHTTPHeaderField: "Accept")
        if let lastId { request.setValue(lastId, forHTTPHeaderField: "Last-Event-ID") }  // nothing is sent that is here
        let (bytes, response) = try await URLSession.shared.bytes(for: request)
        guard let answer = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        if [400, 404].contains(answer.statusCode) { throw Mistake(status: answer.statusCode) }
        if answer.statusCode != 200 {
            return (Double(answer.value(forHTTPHeaderField: "Retry-After") ?? "") ?? 10) * 1_000
        }
        var event: [String: String] = [:]
        var line = Data()
        for try await byte in bytes {  // `bytes.lines` leaves out empty lines, and an empty line ends an event
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            line.removeAll(keepingCapacity: true)
            failures = 0
            if text.isEmpty {
                try await finish(event, show)
                event = [:]
            } else if let colon = text.firstIndex(of: ":"), colon > text.startIndex {
                // A line that begins with a colon only says that the service is there.
                let value = text[text.index(after: colon)...]
                event[String(text[..<colon])] = String(value.hasPrefix(" ") ? value.dropFirst() : value)
            }
        }
        return 0
    }

    private func finish(_ event: [String: String], _ show: @Sendable (Weather) async -> Void) async throws {
        if let retry = event["retry"].flatMap(Double.init) { retryMs = retry }
        guard event["event"] == "weather", let data = event["data"] else { return }
        await show(try JSONDecoder().decode(Weather.self, from: Data(data.utf8)))
        if let id = event["id"] { lastId = id }
    }
}

@main
struct Example {
    static func main() async throws {
        let live = LiveWeather(clientId: UUID().uuidString, lat: "40.7", lon: "-74.0")
        try await live.listen { place in
            print(place.current.temperature_2m ?? .nan, place.units["temperature_2m"] ?? "")
        }
    }
}
