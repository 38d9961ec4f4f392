// An application that is measured: blocks as CometBFT makes them, with times at the socket and processor time of the process.
import { createHash } from 'node:crypto';

import { cpuMsOf, folderBytes, rssBytesOf } from './process.js';

const MAX_TX_BYTES = 20_000_000n;
const ACCEPT = 1;

export class Subject {
  height = 0n;
  peakRssBytes = 0;

  constructor({ name, client, pid, folder, proposer, accounts, firstSeconds }) {
    Object.assign(this, { name, client, pid, folder, proposer, accounts, seconds: firstSeconds });
  }

  /** Checks each, one at a time. @returns milliseconds each. */
  async check(txs) {
    const times = [];
    for (const tx of txs) {
      const { response, ms } = await this.client.timed('checkTx', { tx, type: 0 });
      if (response.code !== 0) throw new Error(`${this.name}: CheckTx refused: ${response.log}`);
      times.push(ms);
    }
    return times;
  }

  /** A whole block, from proposal to commit. @throws where a transaction is left out or fails. */
  async block(txs) {
    const { client, proposer } = this;
    const height = this.height + 1n;
    this.seconds += 1n;
    const header = { height, time: { seconds: this.seconds, nanos: 0 }, nextValidatorsHash: new Uint8Array(32), proposerAddress: proposer };
    const hash = new Uint8Array(createHash('sha256').update(`block ${height}`).digest());
    const prepared = await client.timed('prepareProposal', { ...header, maxTxBytes: MAX_TX_BYTES, txs, localLastCommit: undefined, misbehavior: [] });
    const blockTxs = prepared.response.txs;
    const processed = await client.timed('processProposal', { ...header, txs: blockTxs, hash, proposedLastCommit: undefined, misbehavior: [] });
    if (processed.response.status !== ACCEPT) throw new Error(`${this.name}: its own proposal was refused`);
    const cpuBefore = cpuMsOf(this.pid);
    const finalized = await client.timed('finalizeBlock', { ...header, txs: blockTxs, hash, decidedLastCommit: { round: 0, votes: [] }, misbehavior: [] });
    const cpuMs = cpuMsOf(this.pid) - cpuBefore;
    const committed = await client.timed('commit', {});
    this.height = height;
    const failed = finalized.response.txResults.find(({ code }) => code !== 0);
    if (failed !== undefined) throw new Error(`${this.name}: a transaction failed: ${failed.log}`);
    if (blockTxs.length < txs.length) throw new Error(`${this.name}: expected ${txs.length} transactions in the block, got ${blockTxs.length}`);
    this.peakRssBytes = Math.max(this.peakRssBytes, rssBytesOf(this.pid));
    return { prepareMs: prepared.ms, processMs: processed.ms, finalizeMs: finalized.ms, cpuMs, commitMs: committed.ms };
  }

  get databaseBytes() {
    return folderBytes(this.folder);
  }
}
