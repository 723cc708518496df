import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.ProducerScope
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import org.json.JSONObject
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import kotlin.math.min
import kotlin.random.Random

const val EVENTS = "https://weather.example/api/v1/weather/events"
const val LONGEST_WAIT_MS = 300_000L
const val SILENCE_MS = 60_000 // the service says something every 25 s

/** `lat` and `lon` are rounded to a tenth, as `tenth` of the whole client does it. */
class LiveWeather(
    private val clientId: String,
    private val lat: String,
    private val lon: String,
    private val units: String = "metric",
) {
    @Volatile private var connection: HttpURLConnection? = null
    private var lastId: String? = null
    private var retryMs = 4_000L
    private var failures = 0

    /** The weather at once and whenever it changes. Collect it while the screen is seen: repeatOnLifecycle(STARTED). */
    fun weather(): Flow<JSONObject> = callbackFlow {
        launch(Dispatchers.IO) {
            while (isActive) {
                val refusedMs = try {
                    read()
                } catch (error: IOException) {
                    0L // the network has gone, nothing came for too long, or the screen was left
                } finally {
                    connection?.disconnect()
                }
                // Full jitter: anywhere in a span that doubles, so that those whom a restart has cut off come back apart.
                val span = min(retryMs shl min(failures++, 20), LONGEST_WAIT_MS)
                delay(refusedMs + Random.nextLong(span + 1))
            }
        }
        awaitClose { connection?.disconnect() }
    }

    /** One connection. Returns how many milliseconds the service wants to be left alone: 0 if it just ended. */
    private suspend fun ProducerScope<JSONObject>.read(): Long {
        val asked = URL("$EVENTS?lat=$lat&lon=$lon&units=$units").openConnection() as HttpURLConnection
        connection = asked
        asked.connectTimeout = 5_000
        asked.readTimeout = SILENCE_MS
        asked.setRequestProperty("x-client-id", clientId)
        asked.setRequestProperty("Accept", "text/event-stream")
        lastId?.let { asked.setRequestProperty("Last-Event-ID", it) } // nothing is sent that is here already
        val status = asked.responseCode
        // A mistake in the app: do not repeat it.
        require(status != 400 && status != 404) { asked.errorStream?.bufferedReader()?.readText() ?: "HTTP $status" }
        if (status != 200) return (asked.getHeaderField("Retry-After")?.toLongOrNull() ?: 10) * 1_000
        val event = mutableMapOf<String, String>()
        asked.inputStream.bufferedReader().use { lines ->
            while (isActive) {
                val line = lines.readLine() ?: break
                failures = 0
                if (line.isEmpty()) {
                    finish(event)
                    event.clear()
                } else if (!line.startsWith(":")) { // such a line only says that the service is there
                    event[line.substringBefore(':')] = line.substringAfter(':', "").removePrefix(" ")
                }
            }
        }
        return 0
    }

    private suspend fun ProducerScope<JSONObject>.finish(event: Map<String, String>) {
        event["retry"]?.toLongOrNull()?.let { retryMs = it }
        val data = event["data"] ?: return
        if (event["event"] != "weather") return
        send(JSONObject(data))
        event["id"]?.let { lastId = it }
    }
}

suspend fun main() {
    LiveWeather("an id made once for each install", "40.7", "-74.0").weather().collect { place ->
        val unit = place.getJSONObject("units").getString("temperature_2m")
        println("${place.getJSONObject("current").get("temperature_2m")} $unit")
    }
}
