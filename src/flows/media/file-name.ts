import { LIMITS } from '../../kernel/limits.js';

/** Of a file whose sender gave it no name that could be kept. */
const NAMELESS = 'file';
/** What a reader would not see, or would see in another order: controls, marks of direction, separators of lines. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
const EXTENSION = /\.[^.\s]{1,16}$/u;

/** The last part of a path, as it may be shown and saved. Its extension survives when the rest is cut. */
export function fileName(given: string | null): string {
  const last = (given ?? '').normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const seen = last.replace(UNSEEN, '').replace(/\s+/gu, ' ').trim();
  if (/^\.*$/.test(seen)) return NAMELESS;
  const points = [...seen];
  if (points.length <= LIMITS.mediaNameCharsMax) return seen;
  const extension = EXTENSION.exec(seen)?.[0] ?? '';
  return points.slice(0, LIMITS.mediaNameCharsMax - [...extension].length).join('') + extension;
}
