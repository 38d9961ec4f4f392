import { R3mesError } from '../protocol/errors.js';
import { SubjectKind, type Duty } from '../protocol/gen/remes/remes/v1/challenge.js';
import type { ChainView } from './chain-view.js';
import type { Work } from './work.js';

export interface Report {
  readonly hash: Uint8Array;
  readonly digest: Uint8Array;
}

/** Does the work of a duty again, from the chain and the store alone. */
export async function recompute(chain: ChainView, work: Work, duty: Pick<Duty, 'subjectKind' | 'subjectId'>): Promise<Report> {
  if (duty.subjectKind === SubjectKind.GRADIENT) {
    const gradient = await chain.gradient(duty.subjectId);
    if (gradient === undefined) throw new R3mesError({ code: 'UNKNOWN_GRADIENT', message: `the chain has no gradient ${duty.subjectId}` });
    const result = await work.replay(gradient);
    return { hash: result.gradientHash, digest: result.lossesDigest };
  }
  const window = await chain.window(duty.subjectId);
  if (window === undefined) throw new R3mesError({ code: 'UNKNOWN_WINDOW', message: `the chain has no window ${duty.subjectId}` });
  const { result, files } = await work.aggregation(window);
  return { hash: result.resultHash, digest: files.normsDigest };
}
