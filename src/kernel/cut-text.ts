/**
 * The beginning of a text: at most `charsMax` UTF-16 units, and never half a character. A half is no Unicode: PostgreSQL
 * takes no JSON that holds one, and every strict reader refuses it.
 */
export function cutText(text: string, charsMax: number): string {
  const head = text.slice(0, charsMax);
  return head.length < text.length && /[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head;
}
