import { describe, expect, it } from 'vitest';

import { timedProfile } from '../../../../src/cli/devnet/timed-profile.js';
import { profile } from '../../../../src/protocol/params.js';

type Numbers = Readonly<Record<string, unknown>>;

describe('the profile of a devnet whose blocks wait for nobody', () => {
  it('has the dev profile with every phase the same number of times as long', () => {
    const [dev, timed] = [profile('dev'), timedProfile()];
    for (const name of ['node', 'training', 'aggregation', 'challenge'] as const) {
      const before: Numbers = { ...dev[name] };
      const after: Numbers = { ...timed[name] };
      for (const [key, value] of Object.entries(before)) {
        const factor = key.endsWith('Blocks') ? 6n : 1n;
        expect([key, after[key]]).toEqual([key, typeof value === 'bigint' ? value * factor : value]);
      }
    }
    expect({ ...timed, node: 0, training: 0, aggregation: 0, challenge: 0 }).toEqual({ ...dev, node: 0, training: 0, aggregation: 0, challenge: 0 });
  });
});
