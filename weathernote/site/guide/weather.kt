import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.json.JSONArray
import org.json.JSONObject
import java.io.IOException
import java.math.BigDecimal
import java.math.RoundingMode
import java.net.HttpURLConnection
import java.net.URL
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import kotlin.random.Random

const val BASE = "https://weather.example/api/v1"

/** A coordinate to a tenth of a degree, halves away from zero, on its decimal text. */
fun tenth(degrees: Double): String =
    BigDecimal(degrees.toString()).setScale(1, RoundingMode.HALF_UP).toPlainString()

/** Made once for each install and kept in the app's own storage. Never an advertising id. */
fun newClientId(): String = UUID.randomUUID().toString()

class Kept(val etag: String?, val body: JSONObject)

class Answer(val status: Int, val etag: String?, val retryAfter: Long?, val text: String?)

class WeatherApi(private val clientId: String, private val units: String = "metric") {
    // Keep it on disk, and the last weather is there offline too.
    private val kept = ConcurrentHashMap<String, Kept>()

    /** What is to be shown of up to 20 places, in their order: an answer, or {"problem": …}. */
    suspend fun weather(positions: List<Pair<Double, Double>>): List<JSONObject> {
        val lat = positions.joinToString(",") { tenth(it.first) }
        val lon = positions.joinToString(",") { tenth(it.second) }
        val body = get("$BASE/weather?lat=$lat&lon=$lon&units=$units")
        val places = if (positions.size == 1) JSONArray().put(body) else body.getJSONArray("places")
        return List(places.length()) { places.getJSONObject(it) }
    }

    private suspend fun get(url: String): JSONObject {
        val known = kept[url]
        var attempt = 1
        while (true) {
            val answer = try {
                withContext(Dispatchers.IO) { ask(url, known?.etag) }
            } catch (error: IOException) {
                return known?.body ?: throw error // offline
            }
            if (answer.status == 200 && answer.text != null) {
                val body = JSONObject(answer.text)
                kept[url] = Kept(answer.etag, body)
                return body
            }
            if (answer.status == 304 && known != null) return known.body
            val seconds = answer.retryAfter ?: 10
            // More than a minute: a new day's budget is hours away, so show what there is.
            if ((answer.status != 429 && answer.status != 503) || attempt == 3 || seconds > 60) {
                return known?.body ?: throw IOException("HTTP ${answer.status}")
            }
            attempt += 1
            // Up to half as long again, so that not all phones come back in the same second.
            delay((seconds * 1_000 * (1 + Random.nextDouble() / 2)).toLong())
        }
    }

    private fun ask(url: String, etag: String?): Answer {
        val connection = URL(url).openConnection() as HttpURLConnection
        try {
            connection.connectTimeout = 5_000
            connection.readTimeout = 10_000
            connection.setRequestProperty("x-client-id", clientId)
            etag?.let { connection.setRequestProperty("If-None-Match", it) }
            val status = connection.responseCode
            val text = if (status == 200) {
                connection.inputStream.bufferedReader().use { it.readText() }
            } else {
                null
            }
            val retryAfter = connection.getHeaderField("Retry-After")?.toLongOrNull()
            return Answer(status, connection.getHeaderField("ETag"), retryAfter, text)
        } finally {
            connection.disconnect()
        }
    }
}

suspend fun main() {
    val api = WeatherApi(newClientId())
    for (place in api.weather(listOf(40.7128 to -74.0060, 51.5074 to -0.1278))) {
        val problem = place.optJSONObject("problem")
        if (problem != null) {
            println(problem.getString("detail"))
        } else {
            val current = place.getJSONObject("current")
            val unit = place.getJSONObject("units").getString("temperature_2m")
            println("${current.get("temperature_2m")} $unit")
        }
    }
}
