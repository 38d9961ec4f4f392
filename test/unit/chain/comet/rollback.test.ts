/** CometBFT's own rollback, as its state/rollback.go has it, driven to a height. */
import { describe, expect, it } from 'vitest';

import { type CometPosition, readPosition, rollbackComet } from '../../../../src/chain/comet/rollback.js';

/** State and newest block of a CometBFT; a crash may leave the state one below. */
class FakeComet {
  runs = 0;
  constructor(
    public state: bigint,
    public block: bigint,
  ) {}

  readonly run = (hard: boolean): Promise<CometPosition> => {
    this.runs++;
    if (this.block === this.state + 1n) {
      if (hard) this.block--;
    } else {
      this.state--;
      if (hard) this.block--;
    }
    return Promise.resolve({ height: this.state, appHash: this.state.toString(16) });
  };
}

describe('taking CometBFT back', () => {
  it.each([
    ['one block', 20n, 20n, 19n],
    ['one block after a crash before the state was saved', 19n, 20n, 19n],
    ['two blocks', 20n, 20n, 18n],
    ['two blocks after such a crash', 19n, 20n, 18n],
    ['many blocks', 20n, 20n, 3n],
    ['many blocks after such a crash', 19n, 20n, 3n],
  ])('leaves the state at the height and one block above it: %s', async (_, state, block, height) => {
    const comet = new FakeComet(state, block);
    expect(await rollbackComet(comet.run, height)).toEqual({ height, appHash: height.toString(16) });
    expect([comet.state, comet.block]).toEqual([height, height + 1n]);
  });

  it('says where it stopped when CometBFT stands below the height, or does not move', async () => {
    await expect(rollbackComet(new FakeComet(5n, 5n).run, 9n)).rejects.toMatchObject({ code: 'COMET_ROLLBACK', message: expect.stringContaining('expected height 9, got 4') as string });
    let runs = 0;
    const stuck = (): Promise<CometPosition> => {
      runs++;
      return Promise.resolve({ height: 20n, appHash: '' });
    };
    await expect(rollbackComet(stuck, 3n)).rejects.toMatchObject({ code: 'COMET_ROLLBACK', message: expect.stringContaining('expected height 19, got 20') as string });
    expect(runs).toBe(3);
  });

  it('reads what CometBFT prints', () => {
    expect(readPosition('Rolled back state to height 25 and hash C1EC\n')).toEqual({ height: 25n, appHash: 'c1ec' });
    expect(readPosition('Rolled back both state and block to height 24 and hash AB')).toEqual({ height: 24n, appHash: 'ab' });
    expect(readPosition('failed to rollback state: no blocks')).toBeUndefined();
  });
});
