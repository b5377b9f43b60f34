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
      'A seed is 0 or more, and the same seed gives the same picture. For a random one let the shell draw it: --seed $RANDOM.',
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
