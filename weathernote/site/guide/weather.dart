import 'dart:convert';
import 'dart:io';
import 'dart:math';
import 'package:http/http.dart' as http;

const base = 'https://weather.example/api/v1';

/// A coordinate to a tenth of a degree, halves away from zero, on its decimal text.
String tenth(double degrees) {
  final text = degrees.abs().toString(); // 40.7128; below a millionth 3.1e-7
  if (text.contains('e')) return '0.0';
  final dot = text.indexOf('.');
  if (dot < 0) return degrees < 0 ? '-$text.0' : '$text.0';
  var tenths = int.parse(text.substring(0, dot) + text[dot + 1]);
  if (dot + 2 < text.length && text.codeUnitAt(dot + 2) >= '5'.codeUnitAt(0)) tenths++;
  final sign = degrees < 0 && tenths > 0 ? '-' : '';
  return '$sign${tenths ~/ 10}.${tenths % 10}';
}

/// Made once for each install and kept in the app's own storage.
/// Never an advertising or hardware id.
String newClientId() {
  final random = Random.secure();
  return List.generate(16, (_) => random.nextInt(256).toRadixString(16).padLeft(2, '0')).join();
}

class Kept {
  Kept(this.etag, this.body);
  final String? etag;
  final Map<String, dynamic> body;
}

class WeatherApi {
  WeatherApi(this.clientId, {this.units = 'metric'});
  final String clientId;
  final String units; // metric or imperial
  final _kept = <String, Kept>{}; // keep it on disk, and the last weather is there offline too
  final _client = http.Client();
  final _random = Random();

  /// What is to be shown of up to 20 places, in their order: an answer, or {"problem": …}.
  Future<List<dynamic>> weather(List<(double, double)> positions) async {
    final lat = positions.map((position) => tenth(position.$1)).join(',');
    final lon = positions.map((position) => tenth(position.$2)).join(',');
    final body = await _get('$base/weather?lat=$lat&lon=$lon&units=$units');
    return positions.length == 1 ? [body] : body['places'] as List<dynamic>;
  }

  Future<Map<String, dynamic>> _get(String url) async {
    final kept = _kept[url];
    for (var attempt = 1; ; attempt++) {
      final http.Response response;
      try {
        response = await _client.get(Uri.parse(url), headers: {
          'x-client-id': clientId,
          if (kept?.etag != null) 'If-None-Match': kept!.etag!,
        }).timeout(const Duration(seconds: 10));
      } on Exception {
        if (kept != null) return kept.body; // offline
        rethrow;
      }
      switch (response.statusCode) {
        case 200:
          final body = jsonDecode(utf8.decode(response.bodyBytes)) as Map<String, dynamic>;
          _kept[url] = Kept(response.headers['etag'], body);
          return body;
        case 304:
          return kept!.body;
        case 429 || 503 when attempt < 3:
          final seconds = int.tryParse(response.headers['retry-after'] ?? '') ?? 10;
          if (seconds > 60) break; // a new day's budget is hours away: show what is there
          // Up to half as long again, so that not all phones come back in the same second.
          final patience = seconds * (1 + _random.nextDouble() / 2);
          await Future<void>.delayed(Duration(milliseconds: (patience * 1000).round()));
          continue;
      }
      if (kept != null) return kept.body;
      throw HttpException('${response.statusCode}: ${response.body}', uri: Uri.parse(url));
    }
  }
}

Future<void> main() async {
  final api = WeatherApi(newClientId());
  final places = await api.weather([(40.7128, -74.0060), (51.5074, -0.1278)]);
  for (final place in places) {
    final problem = place['problem'];
    if (problem != null) {
      print(problem['detail']);
    } else {
      print('${place['current']['temperature_2m']} ${place['units']['temperature_2m']}');
    }
  }
}
