// Asks a server on loopback one question in its own protocol: an open port says little, and a client library is not
// there before `npm ci`.
//
//   node scripts/services/ask.mjs <postgres|mariadb|redis|rabbitmq|nats> <port>
//
// Prints what answered and exits 0; prints why not and exits 1 when nothing listens, 2 when what listens answers otherwise.

import { connect } from 'node:net';

const TIMEOUT_MS = 3000;

const questions = { postgres, mariadb, redis, rabbitmq, nats };

/** Opens a session as user postgres and waits until the server is ready for a query. */
async function postgres(connection) {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  connection.send(int32(8 + parameters.length), int32(0x30000 /* protocol 3.0 */), parameters);
  let version = '';
  for (;;) {
    const type = String.fromCharCode((await connection.take(1))[0]);
    const body = await connection.take((await connection.take(4)).readInt32BE() - 4);
    if (type === 'E') throw new Error(/\0M([^\0]*)/.exec(body)?.[1] ?? 'an error without a message');
    if (type === 'R' && body.readInt32BE() !== 0) throw new Error('asks user postgres for a password');
    if (type === 'S') version = /^server_version\0([\d.]+)/.exec(body)?.[1] ?? version;
    if (type === 'Z') break;
  }
  connection.send(Buffer.from('X'), int32(4));
  return `PostgreSQL ${version}`;
}

/** Logs in as root with an empty password. */
async function mariadb(connection) {
  const packet = async () => connection.take((await connection.take(4)).readUIntLE(0, 3));
  const refusal = (body) => new Error(body.toString('latin1', 3).replace(/^#...../, ''));
  const greeting = await packet();
  if (greeting[0] === 0xff) throw refusal(greeting);
  const version = greeting.toString('latin1', 1, greeting.indexOf(0, 1)).replace('5.5.5-', '');

  const capabilities = Buffer.alloc(4);
  capabilities.writeUInt32LE(
    0x80000 /* names its plugin */ | 0x8000 /* 4.1 authentication */ | 0x200 /* 4.1 protocol */,
  );
  const charset = Buffer.alloc(24, 0).fill(45 /* utf8mb4_general_ci */, 0, 1);
  const login = Buffer.from('root\0\0mysql_native_password\0');
  const answer = Buffer.concat([capabilities, int32(0x1000000), charset, login]);
  connection.send(Buffer.from([answer.length, 0, 0, 1]), answer);

  let reply = await packet();
  if (reply[0] === 0xfe /* another plugin, please */) {
    connection.send(Buffer.from([0, 0, 0, 3]));
    reply = await packet();
  }
  if (reply[0] !== 0) throw refusal(reply);
  connection.send(Buffer.from([1, 0, 0, 0, 1 /* quit */]));
  return `MariaDB ${version}`;
}

async function redis(connection) {
  connection.send(Buffer.from('PING\r\nINFO server\r\n'));
  const pong = await connection.takeLine();
  if (pong !== '+PONG') throw new Error(pong.slice(1));
  const info = await connection.take(Number((await connection.takeLine()).slice(1)));
  return `Redis ${/redis_version:(.*)\r/.exec(info)?.[1]}`;
}

/** Logs in as guest. A refused login closes the connection without a word. */
async function rabbitmq(connection) {
  const method = async () => {
    const size = (await connection.take(7)).readUInt32BE(3);
    const frame = await connection.take(size + 1);
    return { id: `${frame.readUInt16BE(0)}.${frame.readUInt16BE(2)}`, body: frame };
  };
  connection.send(Buffer.from('AMQP\0\0\x09\x01'));
  const start = await method();
  const versionKey = '\x07versionS'; // its length, the name, and the type of its value: a long string
  const at = start.body.indexOf(versionKey) + versionKey.length;
  const version = start.body.toString('latin1', at + 4, at + 4 + start.body.readUInt32BE(at));

  const login = '\0guest\0guest';
  const startOk = Buffer.concat([
    Buffer.from([0, 10, 0, 11]), // connection.start-ok
    int32(0), // no client properties
    Buffer.from('\x05PLAIN'),
    int32(login.length),
    Buffer.from(login),
    Buffer.from('\x05en_US'),
  ]);
  connection.send(Buffer.from([1, 0, 0]), int32(startOk.length), startOk, Buffer.from([0xce]));
  const { id } = await method();
  if (id !== '10.30' /* connection.tune */) throw new Error(`answers the login of guest with method ${id}`);
  return `RabbitMQ ${version}`;
}

/** Asks JetStream about the account. With `no_responders` the server itself says so when nobody answers. */
async function nats(connection) {
  const info = JSON.parse((await connection.takeLine()).replace('INFO ', ''));
  connection.send(Buffer.from('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'));
  connection.send(Buffer.from('SUB _INBOX.turnpike 1\r\nPUB $JS.API.INFO _INBOX.turnpike 0\r\n\r\n'));
  for (;;) {
    const line = await connection.takeLine();
    if (line.startsWith('MSG ')) return `NATS ${info.version} with JetStream`;
    if (line.startsWith('HMSG ')) throw new Error('JetStream is off');
    if (line.startsWith('-ERR ')) throw new Error(line.slice('-ERR '.length));
  }
}

function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A socket that is read by counts of bytes and by lines. */
class Connection {
  #chunks;
  #received = Buffer.alloc(0);

  constructor(socket) {
    this.socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  send(...buffers) {
    this.socket.write(Buffer.concat(buffers));
  }

  async take(count) {
    while (this.#received.length < count) await this.#more();
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  async takeLine() {
    while (!this.#received.includes('\r\n')) await this.#more();
    const line = await this.take(this.#received.indexOf('\r\n'));
    await this.take(2);
    return line.toString();
  }

  async #more() {
    const { value, done } = await this.#chunks.next();
    if (done) throw new Error('closes the connection');
    this.#received = Buffer.concat([this.#received, value]);
  }
}

const [service, port] = process.argv.slice(2);
const socket = connect({ host: '127.0.0.1', port: Number(port) });
socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`says nothing for ${TIMEOUT_MS} ms`)));
try {
  console.log(await questions[service](new Connection(socket)));
} catch (error) {
  const nothingListens = error.code === 'ECONNREFUSED';
  console.log(nothingListens ? 'nothing listens' : error.message);
  process.exitCode = nothingListens ? 1 : 2;
} finally {
  socket.destroy();
}
