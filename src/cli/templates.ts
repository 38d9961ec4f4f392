/** What comes with the package besides code. */
import { fileURLToPath } from 'node:url';

const TEMPLATES = new URL('../../templates/', import.meta.url);

/** Instruction rows about this system: what a new chain trains on where no other text is given. */
export const SAMPLE_DATASET = fileURLToPath(new URL('datasets/r3mes-handbook.jsonl', TEMPLATES));
export const SAMPLE_DATASET_NAME = 'r3mes-handbook';

/** A systemd unit with `@COMMAND@` where its command line goes. */
export function unitTemplate(name: string): string {
  return fileURLToPath(new URL(`systemd/${name}`, TEMPLATES));
}
