/** Numbers of options: what is not written in digits is refused, because Number would read '' as 0 and '0x10' as 16. */
import { InvalidArgumentError } from 'commander';
import { wholeNumber } from '../protocol/numbers';
import { type Size } from '../protocol/size';

export const whole = (text: string): number => {
  const value = wholeNumber(text);
  if (value === undefined) throw new InvalidArgumentError('Write a whole number in digits, 0 or more.');
  return value;
};

export const seed = (text: string): number => {
  if (/^-\d+$/.test(text))
    throw new InvalidArgumentError(
      'Write a whole number, 0 or more. The same seed gives the same image; for a random seed, write --seed $RANDOM.',
    );
  return whole(text);
};

export const size = (text: string): Size => {
  const match = /^(\d+)[x×](\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('Write width x height in pixels, for instance 512x768.');
  return { width: Number(match[1]), height: Number(match[2]) };
};

export const positive = (text: string): number => {
  const value = wholeNumber(text);
  if (value === undefined || value < 1) throw new InvalidArgumentError('Write a whole number in digits, 1 or more.');
  return value;
};
