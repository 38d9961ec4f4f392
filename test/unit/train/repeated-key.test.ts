import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { repeatedKey } from '../../../src/train/repeated-key.js';

describe('a name that an object holds twice', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"a\\"":1,"b":{"a":1},"a\\"":2}', 'a"'],
    ['{"a\\\\":1,"a":2,"a\\\\":3}', 'a\\'],
    ['{"x":[{"k":1},{"k":1,"k":2}]}', 'k'],
    [' { "" : 1 , "b" : [ 1 , 2 ] , "" : 2 } ', ''],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"a":{},"b":1,"a":{}}', 'a'],
  ])('is found in %s', (text, key) => {
    expect(JSON.parse(text)).toBeDefined();
    expect(repeatedKey(text)).toBe(key);
  });

  it.each(['{}', '[]', '"a"', '7', '{"a":"a","b":"a"}', '{"a":["a","a","b"]}', '{"a":{"a":{"a":1}},"b":{"a":1}}', '{"a":"{\\"a\\":1,\\"a\\":2}"}', '[{"a":1},{"a":1}]'])('is not found in %s', (text) => {
    expect(JSON.parse(text)).toBeDefined();
    expect(repeatedKey(text)).toBeUndefined();
  });

  it('is found in any JSON exactly where it was put', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), fc.json(), (inner, key, value) => {
        expect(repeatedKey(inner)).toBeUndefined();
        const field = `${JSON.stringify(key)}:${value}`;
        expect(repeatedKey(`[${inner},{${field},"other${JSON.stringify(key).slice(1)}:${inner}}]`)).toBeUndefined();
        expect(repeatedKey(`[${inner},{${field},"other${JSON.stringify(key).slice(1)}:${inner},${field}}]`)).toBe(key);
      }),
      { numRuns: 300 },
    );
  });

  it('takes names of megabytes and deep nesting', () => {
    expect(repeatedKey(`{"${'w'.repeat(20_000_000)}":1,"${'\\\\'.repeat(100_000)}":2}`)).toBeUndefined();
    expect(repeatedKey('['.repeat(500_000) + ']'.repeat(500_000))).toBeUndefined();
  });
});
