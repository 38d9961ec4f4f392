/**
 * Seconds in the suite; for ten minutes: R3MES_FUZZ_SECONDS=600 npx vitest run test/fuzz/abci-fuzz.test.ts. A failure names
 * its seed, which R3MES_FUZZ_SEED takes.
 */
import { describe, expect, it } from 'vitest';

import { fuzzAbci } from './abci-fuzz.js';

const seconds = Number(process.env['R3MES_FUZZ_SECONDS'] ?? 4);
const seed = process.env['R3MES_FUZZ_SEED'] ?? (process.env['R3MES_FUZZ_SECONDS'] === undefined ? 'r3mes' : String(Date.now()));

describe('the ABCI server under any input', () => {
  it(`answers in order, closes what is broken, and keeps the chain (${seconds} s)`, { timeout: seconds * 1000 + 120_000 }, async () => {
    const result = await fuzzAbci(seed, seconds * 1000);
    console.log(`fuzzed ABCI: ${JSON.stringify(result)}`);
    expect(result.blocks).toBeGreaterThan(3);
    expect(result.exceptions).toBeGreaterThan(0);
  });
});
