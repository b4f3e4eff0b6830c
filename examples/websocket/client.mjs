// Sends one message and prints the echo. Node 22 and newer have WebSocket built in; on 20: node --experimental-websocket
const socket = new WebSocket(process.argv[2] ?? 'ws://echo.default.localhost:8080');
socket.onopen = () => socket.send(process.argv[3] ?? 'hello');
socket.onmessage = ({ data }) => {
  console.log(data);
  socket.close(1000);
};
socket.onerror = () => {
  console.error('cannot connect');
  process.exitCode = 1;
};
