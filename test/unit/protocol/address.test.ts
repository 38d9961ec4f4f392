import { pubkeyToAddress } from '@cosmjs/amino';
import { toBech32 } from '@cosmjs/encoding';
import fc from 'fast-check';
import secp256k1 from 'secp256k1';
import { describe, expect, it } from 'vitest';

import { addressFromPubkey, formatAddress, moduleAddress, parseAddress } from '../../../src/protocol/address.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { sha256 } from '../../../src/protocol/hash.js';
import { fromHex, utf8 } from '../../../src/protocol/bytes.js';

const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 });
const ALICE = 'remes19355f0cu8zxrmvrarwgrp5074nng340sux2us7';

describe('addresses', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(bytes20, (bytes) => {
        expect(parseAddress(formatAddress(bytes))).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('are those of cosmjs', () => {
    for (let i = 0; i < 50; i++) {
      const pubkey = secp256k1.publicKeyCreate(sha256(utf8(`key ${i}`)));
      const amino = { type: 'tendermint/PubKeySecp256k1', value: Buffer.from(pubkey).toString('base64') };
      expect(addressFromPubkey(pubkey)).toBe(pubkeyToAddress(amino, 'remes'));
    }
  });

  it('of modules follow the rule of the Cosmos SDK', () => {
    // The fee collector of every Cosmos chain, as the Cosmos Hub shows it.
    expect(toBech32('cosmos', parseAddress(moduleAddress('fee_collector')))).toBe('cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta');
  });

  it('give each caller bytes of its own', () => {
    parseAddress(ALICE).fill(0);
    expect(formatAddress(parseAddress(ALICE))).toBe(ALICE);
    parseAddress(ALICE).fill(0);
    expect(formatAddress(parseAddress(ALICE))).toBe(ALICE);
  });

  it('stay right when more are met than are remembered', () => {
    for (let i = 0; i < 5000; i++) {
      const bytes = sha256(utf8(`address ${i}`)).subarray(0, 20);
      expect(parseAddress(formatAddress(bytes))).toEqual(bytes);
    }
  });

  it.each([
    ['', /expected an address of 44 characters, got 0/],
    ['cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta', /expected an address of 44 characters, got 45/],
    [toBech32('cosm1', new Uint8Array(20)), /prefix remes, got prefix cosm1/],
    [ALICE.replace('s7', 's8'), /not valid bech32/],
    [ALICE.toUpperCase(), /lower-case/],
    [`${ALICE.slice(0, -1)}b`, /not valid bech32/],
    ['x'.repeat(44), /not valid bech32/],
    ['remes1'.padEnd(44, 'i'), /not valid bech32/],
    ['a'.repeat(10_000), /got 10000: "a{80}"/],
  ])('refuse %j', (text, message) => {
    expect(() => parseAddress(text)).toThrow(InvalidInputError);
    expect(() => parseAddress(text)).toThrow(message);
  });

  it('have 20 bytes and come from compressed keys', () => {
    expect(() => formatAddress(new Uint8Array(32))).toThrow('expected an address of 20 bytes, got 32');
    expect(() => addressFromPubkey(fromHex(`04${'00'.repeat(64)}`))).toThrow('got 65 bytes');
    expect(() => addressFromPubkey(new Uint8Array(33))).toThrow('beginning with 02 or 03');
  });
});
