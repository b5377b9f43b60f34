import { dismissToast, holdToasts, useStudio } from '../model/store';
import { Icon, Tool } from '../ui/Icon';

export function Toasts() {
  const toasts = useStudio((state) => state.toasts);
  return (
    <div
      className="toasts"
      onPointerEnter={() => holdToasts(true)}
      onPointerLeave={() => holdToasts(false)}
      onFocus={() => holdToasts(true)}
      onBlur={() => holdToasts(false)}
    >
      {toasts.map((toast) => (
        <div key={toast.id} className="toast" data-testid="toast">
          <Icon name={toast.tone === 'error' ? 'error' : 'info'} />
          <span>{toast.text}</span>
          <Tool
            icon="close"
            label="Dismiss"
            onClick={() => {
              holdToasts(false);
              dismissToast(toast.id);
            }}
          />
        </div>
      ))}
    </div>
  );
}
