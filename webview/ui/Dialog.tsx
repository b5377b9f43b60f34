import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import { Tool } from './Icon';

/** Over everything else, until it is closed: by its button, by Escape, by a click beside it. The browser keeps the focus inside. */
export function Dialog(props: {
  title: string;
  testId: string;
  className?: string;
  onClose: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      className={`dialog ${props.className ?? ''}`}
      aria-label={props.title}
      data-testid={props.testId}
      onClose={props.onClose}
      onKeyDown={props.onKeyDown}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div className="dialog-body">
        <div className="dialog-head">
          <h2>{props.title}</h2>
          <Tool icon="close" label="Close" keys="Escape" onClick={close} />
        </div>
        {props.children}
      </div>
    </dialog>
  );
}
