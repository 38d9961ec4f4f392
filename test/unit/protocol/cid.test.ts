import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import * as digest from 'multiformats/hashes/digest';
import { describe, expect, it } from 'vitest';

import { blockCid, checkCid, CHUNK_BYTES, cidOfBytes, DAG_PB_CODEC, parseCid, RAW_CODEC } from '../../../src/protocol/cid.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';

const HELLO = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e';

describe('parseCid', () => {
  it('reads raw and dag-pb CIDs in their canonical spelling', () => {
    expect(parseCid(HELLO).code).toBe(RAW_CODEC);
    expect(parseCid('bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64').code).toBe(DAG_PB_CODEC);
  });

  it.each([
    ['an empty text', '', /lower-case base32/],
    ['CIDv0', 'QmPZ9gcCEpqKTo6aq61g2nXGUhM4iCL3ewB6LDXZCtioEB', /CIDv0/],
    ['upper case', HELLO.toUpperCase(), /lower-case base32/],
    ['upper case behind b', `b${HELLO.slice(1).toUpperCase()}`, /canonical spelling bafkreifz/],
    ['base58', 'zb2rhoDvdHtiLbGPZZxxQKZCjL9mNhp73LLcNZKPMKFY1dDxa', /lower-case base32/],
    ['a letter too few', HELLO.slice(0, -1), /does not decode/],
    ['a letter too many', `${HELLO}a`, /does not decode/],
    ['another letter of no base32', HELLO.replace('z', '1'), /does not decode/],
    ['a path', `/ipfs/${HELLO}`, /lower-case base32/],
    ['white space', ` ${HELLO}`, /lower-case base32/],
    ['a novel', `b${'a'.repeat(1000)}`, /1001/],
    ['dag-cbor', CID.createV1(0x71, digest.create(0x12, new Uint8Array(32))).toString(), /0x71/],
    ['sha2-512', CID.createV1(RAW_CODEC, digest.create(0x13, new Uint8Array(64))).toString(), /0x13 of 64 bytes/],
    ['identity', CID.createV1(RAW_CODEC, digest.create(0, new Uint8Array(5))).toString(), /0x0 of 5 bytes/],
    ['a short SHA-256', CID.createV1(RAW_CODEC, digest.create(0x12, new Uint8Array(20))).toString(), /0x12 of 20 bytes/],
  ])('refuses %s and says what it saw', (_, text, message) => {
    expect(() => parseCid(text)).toThrow(InvalidInputError);
    expect(() => parseCid(text)).toThrow(message);
  });

  it('refuses a spelling whose last letter carries unused bits', () => {
    const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
    const last = alphabet.indexOf(HELLO.slice(-1));
    const twin = HELLO.slice(0, -1) + alphabet.charAt(last ^ 1);
    expect(() => parseCid(twin)).toThrow(InvalidInputError);
  });

  it('refuses CIDv0 objects where a link is checked', () => {
    expect(() => checkCid(CID.parse('QmPZ9gcCEpqKTo6aq61g2nXGUhM4iCL3ewB6LDXZCtioEB'))).toThrow(/CIDv1/);
  });

  it('never throws anything but InvalidInputError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^b[a-z2-7]*$/)), (text) => {
        try {
          expect(parseCid(text).toString()).toBe(text);
        } catch (cause) {
          expect(cause).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('cidOfBytes', () => {
  it('is what Kubo gives for "hello world"', () => {
    expect(cidOfBytes(Buffer.from('hello world')).toString()).toBe(HELLO);
  });

  it('gives texts that parseCid reads back, for any bytes and both codecs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(RAW_CODEC, DAG_PB_CODEC), (bytes, codec) => {
        const cid = blockCid(codec, bytes);
        expect(parseCid(cid.toString()).equals(cid)).toBe(true);
      }),
    );
  });

  it('takes one chunk and refuses a byte more, whose CID is a tree', () => {
    expect(cidOfBytes(new Uint8Array(CHUNK_BYTES)).toString()).toMatch(/^bafkrei/);
    expect(() => cidOfBytes(new Uint8Array(CHUNK_BYTES + 1))).toThrow(/at most 1048576 bytes.*1048577/);
  });
});
