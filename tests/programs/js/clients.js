// Talks to servers.js at the address given: HTTP with a body, TCP echo with half-close, UDP. Prints one JSON line.
'use strict';
const http = require('http'), net = require('net'), dgram = require('dgram'), crypto = require('crypto');
const [host, ...ports] = process.argv.slice(2);
const [httpPort, echoPort, udpPort] = ports.map(Number);
const body = Buffer.alloc(300000, 'node ');

const post = () => new Promise((resolve, reject) => {
  const request = http.request({host, port: httpPort, method: 'POST'}, (response) => {
    let text = '';
    response.on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve({status: response.statusCode, ...JSON.parse(text)}));
  });
  request.on('error', reject);
  request.end(body);
});

const echo = () => new Promise((resolve, reject) => {
  const digest = crypto.createHash('sha256');
  const socket = net.connect({host, port: echoPort}, () => socket.end(body));
  socket.on('data', (chunk) => digest.update(chunk));
  socket.on('end', () => resolve(digest.digest('hex')));
  socket.on('error', reject);
});

const datagram = () => new Promise((resolve, reject) => {
  const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('message', (message) => { socket.close(); resolve(message.toString()); });
  socket.on('error', reject);
  socket.send('hello', udpPort, host);
});

Promise.all([post(), echo(), datagram()]).then(
  ([web, tcp, udp]) => console.log(JSON.stringify({web, tcp, udp})),
  (error) => { console.error(error); process.exit(1); });
