import { useEffect } from 'react';
import { isPictureName, type PathParam } from '../../extension/graph';
import { Tool } from '../ui/Icon';
import { flushParams } from '../model/actions/params';
import { droppedUris, hasUris, IMAGE_TYPE } from '../model/drops';
import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { type ControlProps } from '../ui/controlProps';
import { useField } from '../ui/useDraft';
import { useDropTarget } from './useDropTarget';

/** A file: its path, VS Code's picker, the pictures of the workspace, and a place to drop one from the Explorer. */
export function PathControl(props: ControlProps<PathParam>) {
  const { node, param, value, disabled, onChange } = props;
  const { field, setText } = useField(props, typeof value === 'string' ? value : '');
  const drop = useDropTarget(!disabled && param.access === 'read', hasUris, (data) => {
    const image = data.getData(IMAGE_TYPE);
    if (image !== '') {
      onChange(image);
      flushParams();
    } else postToHost({ type: 'dropped', uris: droppedUris(data), position: [0, 0], node, param: param.name });
  });
  const pictures = param.access === 'read' && param.filter.extensions.some((each) => isPictureName(`.${each}`));
  return (
    <div className={`drop-target ${drop.over ? 'over' : ''}`} {...drop.handlers}>
      <div className="path-control">
        <input
          {...field}
          type="text"
          placeholder={
            param.access === 'write'
              ? 'result.png'
              : pictures
                ? 'images/zebra.png'
                : `models/file.${param.filter.extensions[0]}`
          }
          onChange={(event) => {
            setText(event.target.value);
            if (event.target.value.trim() !== '') onChange(event.target.value);
          }}
        />
        {param.access === 'read' && (
          <Tool
            icon="folder-opened"
            label={`Choose ${param.label.toLowerCase()}…`}
            disabled={disabled}
            data-testid="pick-file"
            onClick={() => postToHost({ type: 'pickFile', node, param: param.name })}
          />
        )}
      </div>
      {pictures && (
        <Thumbnails value={value} disabled={disabled} onPick={onChange} only={param.ofNode ? OF_NODE : undefined} />
      )}
    </div>
  );
}

/** `photo.mask-structure.png`, as the mask editor calls what it writes. */
const OF_NODE = /^[^/]+\.[a-z][a-z0-9-]*(-\d+)?\.png$/;

function Thumbnails(props: {
  value: unknown;
  disabled: boolean;
  onPick: (path: string) => void;
  /** Names to offer; undefined: all. */
  only: RegExp | undefined;
}) {
  const all = useStudio((state) => state.pictures);
  const asked = all !== undefined;
  const pictures = all?.filter(({ name }) => props.only?.test(name) ?? true);
  useEffect(() => {
    if (!asked) postToHost({ type: 'requestPictures' });
  }, [asked]);
  if (!pictures?.length) return null;
  return (
    <div className="thumbnails" role="group" aria-label="Images in the workspace" data-testid="thumbnails">
      {pictures.slice(0, 200).map((picture) => (
        <button
          key={picture.path}
          type="button"
          className="thumbnail"
          title={picture.path}
          aria-pressed={picture.path === props.value}
          disabled={props.disabled}
          onClick={() => {
            props.onPick(picture.path);
            flushParams();
          }}
        >
          <img src={picture.uri} alt="" loading="lazy" decoding="async" draggable={false} />
          <span>{picture.name}</span>
        </button>
      ))}
    </div>
  );
}
