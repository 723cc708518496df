// swiftc -parse-as-library weather.swift
import Foundation

let base = "https://weather.example/api/v1"

/// A coordinate to a tenth of a degree, halves away from zero, on its decimal text.
func tenth(_ degrees: Double) -> String {
    var exact = Decimal(string: String(degrees)) ?? 0
    var rounded = Decimal()
    NSDecimalRound(&rounded, &exact, 1, .plain)
    return "\(rounded)"
}

/// Made once for each install and kept in the app's own storage.
/// Never an advertising or hardware id.
func newClientId() -> String { UUID().uuidString }

struct Problem: Decodable {
    let status: Int
    let code: String
    let detail: String
    let retry_after_seconds: Int?
}

struct Current: Decodable {
    let time: String
    let temperature_2m: Double?
    let weather_code: Int?
}

/// A place's answer; in its stead there can be a problem.
struct Place: Decodable {
    let current: Current?
    let units: [String: String]?
    let stale: Bool?
    let fetched_at: String?
    let problem: Problem?
}

struct Places: Decodable { let places: [Place] }
struct Failed: Error { let status: Int }

actor WeatherApi {
    private struct Kept { let etag: String?; let body: Data }
    private let clientId: String
    private let units: String  // metric or imperial
    private var kept: [URL: Kept] = [:]  // keep it on disk, and the last weather is there offline too

    init(clientId: String, units: String = "metric") {
        self.clientId = clientId
        self.units = units
    }

    /// What is to be shown of up to 20 places, in their order.
    func weather(_ positions: [(Double, Double)]) async throws -> [Place] {
        let lat = positions.map { tenth($0.0) }.joined(separator: ",")
        let lon = positions.map { tenth($0.1) }.joined(separator: ",")
        let body = try await get(URL(string: "\(base)/weather?lat=\(lat)&lon=\(lon)&units=\(units)")!)
        if positions.count == 1 { return [try JSONDecoder().decode(Place.self, from: body)] }
        return try JSONDecoder().decode(Places.self, from: body).places
    }

    private func get(_ url: URL) async throws -> Data {
        // Without this URLSession answers from its own cache, and no 304 ever arrives here.
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: 10)
        request.setValue(clientId, forHTTPHeaderField: "x-client-id")
        let known = kept[url]
        if let etag = known?.etag { request.setValue(etag, forHTTPHeaderField: "If-None-Match") }
        var attempt = 1
        while true {
            let (body, answer): (Data, HTTPURLResponse)
            do {
                let (data, response) = try await URLSession.shared.data(for: request)
                guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
                (body, answer) = (data, http)
            } catch {
                // Whoever left the screen wants no weather any more; URLSession says it in words of its own.
                if error is CancellationError || (error as? URLError)?.code == .cancelled { throw CancellationError() }
                if let known { return known.body }  // offline
                throw error
            }
            if answer.statusCode == 200 {
                kept[url] = Kept(etag: answer.value(forHTTPHeaderField: "ETag"), body: body)
                return body
            }
            if answer.statusCode == 304, let known { return known.body }
            let seconds = Double(answer.value(forHTTPHeaderField: "Retry-After") ?? "") ?? 10
            // More than a minute: a new day's budget is hours away, so show what there is.
            guard [429, 503].contains(answer.statusCode), attempt < 3, seconds <= 60 else {
                if let known { return known.body }
                throw Failed(status: answer.statusCode)
            }
            attempt += 1
            // Up to half as long again, so that not all phones come back in the same second.
            try await Task.sleep(nanoseconds: UInt64(seconds * Double.random(in: 1...1.5) * 1_000_000_000))
        }
    }
}

@main
struct Example {
    static func main() async throws {
        let api = WeatherApi(clientId: newClientId())
        for place in try await api.weather([(40.7128, -74.0060), (51.5074, -0.1278)]) {
            if let problem = place.problem {
                print(problem.detail)
            } else if let current = place.current, let degrees = current.temperature_2m {
                print(degrees, place.units?["temperature_2m"] ?? "")
            }
        }
    }
}
