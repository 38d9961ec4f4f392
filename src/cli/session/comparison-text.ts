import { table } from '../frame/table.js';
import type { Compared } from './verify.js';

/** Both sides of what was compared, the second only where it differs. */
export function comparisonText(comparisons: readonly Compared[]): string {
  return table(
    ['what', 'equal', 'value'],
    comparisons.flatMap(({ what, onChain, recomputed, equal }) => (equal ? [[what, 'yes', onChain]] : [[what, 'NO', `chain      ${onChain}`], ['', '', `recomputed ${recomputed}`]])),
  );
}
