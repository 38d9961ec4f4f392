import { InvalidInputError } from '../protocol/errors.js';

/** What a column of a CSV file can be used for. */
export type ColumnRole = 'text' | 'title' | 'category' | 'instruction' | 'input' | 'output';

/** Names that are recognised without being told, folded by `foldName`. */
const KNOWN: Readonly<Record<ColumnRole, readonly string[]>> = {
  text: ['text', 'content', 'body', 'icerik', 'metin', 'haber'],
  title: ['title', 'headline', 'baslik'],
  category: ['category', 'kategori'],
  instruction: ['instruction', 'talimat'],
  input: ['input', 'girdi'],
  output: ['output', 'cikti'],
};

export const COLUMN_ROLES = Object.keys(KNOWN) as readonly ColumnRole[];

/** Names given by the user, by role. */
export type ColumnNames = Partial<Readonly<Record<ColumnRole, string>>>;

/** Index of the column by role. */
export type ColumnMap = Partial<Readonly<Record<ColumnRole, number>>>;

/** Lower case without marks, for the header names of Turkish files too: İçerik, IÇERIK and icerik are one name. */
function foldName(name: string): string {
  return name.trim().toLowerCase().normalize('NFD').replace(/\p{M}/gu, '').replaceAll('ı', 'i');
}

/**
 * Finds the columns of a header. Names that were given must be there, exactly or folded.
 * @throws InvalidInputError where a given name is missing, or two columns fit one role.
 */
export function mapColumns(header: readonly string[], given: ColumnNames): ColumnMap {
  const folded = header.map(foldName);
  const map: Partial<Record<ColumnRole, number>> = {};
  for (const role of COLUMN_ROLES) {
    const name = given[role];
    const wanted = name === undefined ? KNOWN[role] : [foldName(name)];
    const exact = name === undefined ? -1 : header.indexOf(name);
    const found = folded.flatMap((f, index) => (wanted.includes(f) ? [index] : []));
    const index = exact >= 0 ? exact : found[0];
    if (name !== undefined && index === undefined) {
      throw new InvalidInputError(`the header has no column ${JSON.stringify(name)}; it has ${shown(header)}`);
    }
    if (exact < 0 && found.length > 1) {
      throw new InvalidInputError(
        `the columns ${shown(found.map((i) => header[i] ?? ''))} could each be the ${role}`,
        `say which: --${role}-column NAME`,
      );
    }
    if (index !== undefined) map[role] = index;
  }
  return map;
}

export function shown(header: readonly string[]): string {
  const names = header.slice(0, 12).map((name) => JSON.stringify(name.slice(0, 40)));
  return names.join(', ') + (header.length > 12 ? `, … (${header.length} in all)` : '');
}
