// What CometBFT does to an application, without CometBFT: requests over a socket, one at a time, each with a Flush behind it.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

import { FrameReader, framePrefix } from '../../dist/chain/abci/frames.js';
import { Request, Response } from '../../dist/protocol/gen/tendermint/abci/types.js';

const FLUSH = encode({ $case: 'flush', value: {} });

function encode(value) {
  const message = Request.encode({ value }).finish();
  return Buffer.concat([framePrefix(message.length), message]);
}

export class AbciClient {
  #socket;
  #reader = new FrameReader(2 ** 31);
  #waiting = [];

  /** @param address `unix://…` or `tcp://…` */
  static async open(address) {
    const client = new AbciClient();
    const tcp = /^tcp:\/\/(.*):([0-9]+)$/.exec(address);
    client.#socket = tcp === null ? connect({ path: address.replace(/^unix:\/\//, '') }) : connect({ host: tcp[1], port: Number(tcp[2]) });
    await once(client.#socket, 'connect');
    client.#socket.setNoDelay(true);
    client.#socket.on('data', (chunk) => client.#onData(chunk));
    const fail = (error) => {
      for (const { reject } of client.#waiting.splice(0)) reject(error ?? new Error('the application closed the socket'));
    };
    client.#socket.on('error', fail);
    client.#socket.on('close', () => fail());
    return client;
  }

  /** One request and its Flush. @returns the answer and how long it took; encoding and decoding at this end are not counted. */
  async timed($case, value) {
    const bytes = Buffer.concat([encode({ $case, value }), FLUSH]);
    const startedMs = performance.now();
    const answered = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#socket.write(bytes);
    const { frame, endedMs } = await answered;
    const { value: response } = Response.decode(frame);
    if (response?.$case === 'exception') throw new Error(`${$case}: ${response.value.error}`);
    if (response?.$case !== $case) throw new Error(`asked ${$case}, got ${response?.$case}`);
    return { response: response.value, ms: endedMs - startedMs };
  }

  async ask($case, value) {
    return (await this.timed($case, value)).response;
  }

  close() {
    this.#socket.destroy();
  }

  #frame;
  #onData(chunk) {
    this.#reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      // Two frames a request: its answer, and the one to Flush.
      if (this.#frame === undefined) this.#frame = frame;
      else {
        this.#waiting.shift()?.resolve({ frame: this.#frame, endedMs: performance.now() });
        this.#frame = undefined;
      }
    }
  }
}
