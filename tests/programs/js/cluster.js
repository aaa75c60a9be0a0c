// node:cluster: the primary listens and hands accepted connections (SCM_RIGHTS) or the listener to its workers;
// datagram sockets are shared. Prints the different answers, sorted, once every request is answered.
'use strict';
const cluster = require('node:cluster');
const dgram = require('node:dgram');
const http = require('node:http');

const [port, policy] = [Number(process.argv[2]), process.argv[3]];
const WORKERS = 3, REQUESTS = 24;

if (cluster.isPrimary) primary(); else worker();

function primary() {
  cluster.schedulingPolicy = policy === 'shared' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  let waiting = 2 * WORKERS;
  cluster.on('listening', () => { if (--waiting === 0) ask(0, []); });
  for (let i = 0; i < WORKERS; i++) cluster.fork();
}

function ask(number, seen) {
  if (number === REQUESTS) return datagram(seen);
  const host = number % 2 ? '::1' : '127.0.0.1';
  http.get({ host, port, agent: false }, (answer) => {
    answer.on('data', (text) => seen.push(`${host} ${text}`));
    answer.on('end', () => ask(number + 1, seen));
  });
}

function datagram(seen) {
  const client = dgram.createSocket('udp6');
  client.on('message', (text, from) => {
    for (const line of [...new Set(seen)].sort()) console.log(line);
    console.log(text.toString(), from.address);
    process.exit(0);
  });
  client.send('hello', port, '::1');
}

function worker() {
  http.createServer((request, answer) => {
    answer.end(`${request.socket.remoteAddress} ${request.socket.localAddress}`);
  }).listen(port, '::');
  const server = dgram.createSocket('udp6');
  server.on('message', (text, from) => server.send(`${text} ${from.address}`, from.port, from.address));
  server.bind(port, '::');
}
