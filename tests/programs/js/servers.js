// An HTTP server, a TCP echo server and a UDP echo server on "::"; ends by itself on SIGTERM.
'use strict';
const http = require('http'), net = require('net'), dgram = require('dgram');
const [httpPort, echoPort, udpPort] = process.argv.slice(2).map(Number);

const web = http.createServer((request, response) => {
  const {remoteAddress, remoteFamily, localAddress, localPort} = request.socket;
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => response.end(JSON.stringify(
    {remoteAddress, remoteFamily, localAddress, localPort, bytes: Buffer.concat(chunks).length})));
});
const echo = net.createServer({allowHalfOpen: true}, (socket) => socket.pipe(socket));
const datagrams = dgram.createSocket('udp6');
datagrams.on('message', (message, from) =>
  datagrams.send(`${from.address} ${from.family} ${message}`, from.port, from.address));

process.on('SIGTERM', () => {
  for (const server of [web, echo, datagrams]) server.close();
  web.closeAllConnections();
  process.exitCode = 7;
});
web.listen(httpPort, '::', () => console.log(JSON.stringify(web.address())));
echo.listen(echoPort, '::');
datagrams.bind(udpPort, '::');
