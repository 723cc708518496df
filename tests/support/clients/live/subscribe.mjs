// Subscribes to each cell of its arguments ("40.7,-74.0") at the address that comes first, and prints every message in a line.
import WebSocket from 'ws';

const [url, ...cells] = process.argv.slice(2);
const socket = new WebSocket(url, { headers: { 'x-client-id': 'node' } });
socket.on('open', () => {
  for (const cell of cells) {
    const [lat, lon] = cell.split(',');
    socket.send(JSON.stringify({ type: 'subscribe', lat, lon }));
  }
});
socket.on('message', (data) => console.log(data.toString()));
socket.on('unexpected-response', (_, response) => console.log(`refused: ${response.statusCode}`));
socket.on('close', (code) => console.log(`closed: ${code}`));
