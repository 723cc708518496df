import 'dart:async';
import 'dart:convert';
import 'dart:io';
import 'dart:math';
import 'package:http/http.dart' as http;

const events = 'https://weather.example/api/v1/weather/events';
const longestWaitMs = 300000;
const silence = Duration(seconds: 60); // the service says something every 25 s

/// The weather at once and whenever it changes. Listen while the screen is seen, and cancel when it is not.
/// `lat` and `lon` are rounded to a tenth, as `tenth` of the whole client does it.
class LiveWeather {
  LiveWeather(this.clientId, this.lat, this.lon, {this.units = 'metric'});
  final String clientId;
  final String lat;
  final String lon;
  final String units;
  final _random = Random();
  late http.Client _client;
  String? _lastId;
  var _retryMs = 4000;
  var _failures = 0;

  Stream<Map<String, dynamic>> get weather {
    late final StreamController<Map<String, dynamic>> shown;
    shown = StreamController(
      onListen: () => unawaited(_listen(shown)),
      onCancel: () => _client.close(),
    );
    return shown.stream;
  }

  Future<void> _listen(StreamController<Map<String, dynamic>> shown) async {
    while (shown.hasListener) {
      _client = http.Client();
      var refusedMs = 0;
      try {
        refusedMs = await _read(shown);
      } on ArgumentError catch (error) {
        shown.addError(error); // a mistake in the app: do not repeat it
        return unawaited(shown.close());
      } on Exception {
        // The network has gone, nothing came for too long, or the screen was left.
      } finally {
        _client.close();
      }
      // Full jitter: anywhere in a span that doubles, so that those whom a restart has cut off come back apart.
      final span = min(_retryMs * pow(2, min(_failures++, 20)), longestWaitMs);
      await Future<void>.delayed(Duration(milliseconds: refusedMs + (_random.nextDouble() * span).round()));
    }
  }

  /// One connection. Returns how many milliseconds the service wants to be left alone: 0 if it just ended.
  Future<int> _read(StreamController<Map<String, dynamic>> shown) async {
    final request = http.Request('GET', Uri.parse('$events?lat=$lat&lon=$lon&units=$units'));
    request.headers['x-client-id'] = clientId;
    request.headers['Accept'] = 'text/event-stream';
    final lastId = _lastId;
    if (lastId != null) request.headers['Last-Event-ID'] = lastId; // nothing is sent that is here already
    final response = await _client.send(request).timeout(const Duration(seconds: 10));
    if (response.statusCode == 400 || response.statusCode == 404) {
      throw ArgumentError(await response.stream.bytesToString());
    }
    if (response.statusCode != 200) {
      return (int.tryParse(response.headers['retry-after'] ?? '') ?? 10) * 1000;
    }
    var event = <String, String>{};
    final lines = response.stream.timeout(silence).transform(utf8.decoder).transform(const LineSplitter());
    await for (final line in lines) {
      _failures = 0;
      if (line.isEmpty) {
        _finish(event, shown);
        event = {};
        continue;
      }
      final colon = line.indexOf(':');
      if (colon <= 0) continue; // a line that begins with a colon only says that the service is there
      final text = line.substring(colon + 1);
      event[line.substring(0, colon)] = text.startsWith(' ') ? text.substring(1) : text;
    }
    return 0;
  }

  void _finish(Map<String, String> event, StreamController<Map<String, dynamic>> shown) {
    _retryMs = int.tryParse(event['retry'] ?? '') ?? _retryMs;
    final data = event['data'];
    if (event['event'] != 'weather' || data == null) return;
    shown.add(jsonDecode(data) as Map<String, dynamic>);
    _lastId = event['id'] ?? _lastId;
  }
}

Future<void> main() async {
  final listening = LiveWeather('an id made once for each install', '40.7', '-74.0').weather.listen(
    (place) => print('${place['current']['temperature_2m']} ${place['units']['temperature_2m']}'),
  );
  await ProcessSignal.sigint.watch().first;
  await listening.cancel();
}
