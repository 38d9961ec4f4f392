/** Finds what JSON.parse passes over in silence: of two fields with one name it keeps the last. */

/** Index behind the text that begins with the quote at `start`. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = json.indexOf('"', at);
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === '\\') backslashes++;
    if (quote < 0 || backslashes % 2 === 0) return quote < 0 ? json.length : quote + 1;
    at = quote + 1;
  }
}

/**
 * The first name that an object holds twice.
 * @param json must be JSON: its form is not checked again.
 */
export function repeatedKey(json: string): string | undefined {
  /** Names seen in each object around this place; nothing for an array. */
  const around: (Set<string> | undefined)[] = [];
  let isKeyNext = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '"') {
      const end = endOfText(json, i);
      const keys = around.at(-1);
      if (isKeyNext && keys !== undefined) {
        const key = String(JSON.parse(json.slice(i, end)));
        if (keys.has(key)) return key;
        keys.add(key);
      }
      isKeyNext = false;
      i = end - 1;
    } else if (c === '{' || c === '[') {
      around.push(c === '{' ? new Set() : undefined);
      isKeyNext = c === '{';
    } else if (c === '}' || c === ']') around.pop();
    else if (c === ',') isKeyNext = around.at(-1) !== undefined;
  }
  return undefined;
}
