import { api } from "@vestibule/next/server";
import { cache } from "react";

/** An account, as the API tells it. */
export interface User {
  id: number;
  name: string;
  username: string;
  email: string;
  profile_image_url: string;
  tier_id: number | null;
}

/** Who is signed in, as the API knows it now. Asked once a page, however many parts ask. */
export const me = cache(() => api.get<User>("/user/me"));
