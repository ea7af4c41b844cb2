import type { ReactNode, SVGProps } from "react";

/** Makes an icon of @mui/icons-material a plain SVG; Material UI would generate style rules for each at run time.
 *  vite.config.ts substitutes it for theirs. */
export default function createSvgIcon(content: ReactNode) {
  return function Icon({
    fontSize,
    className = "",
    ...rest
  }: Omit<SVGProps<SVGSVGElement>, "fontSize"> & { fontSize?: "small" }) {
    return (
      <svg
        className={`MuiSvgIcon-root icon ${fontSize ?? ""} ${className}`}
        viewBox="0 0 24 24"
        focusable="false"
        aria-hidden
        {...rest}
      >
        {content}
      </svg>
    );
  };
}
