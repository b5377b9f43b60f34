export function filesBelow(root: string, endings: readonly string[], folder?: string): string[];
/** One sentence for each link or image of the Markdown files that leads nowhere. */
export function brokenLinks(root: string, files?: readonly string[]): string[];
export function sentencesOf(text: string): string[];
export function wordsIn(sentence: string): number;
export function longSentences(text: string, most: number): string[];
export function phrasesOf(list: string): string[];
export function phrasesIn(text: string, phrases: readonly string[]): { phrase: string; line: number }[];
