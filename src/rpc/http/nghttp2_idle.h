/* What nghttp2 has no option for: sessions that have nothing to send share the buffer in which they
 * write frames. */
#pragma once

#include <nghttp2/nghttp2.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Puts the 16 KiB of the session into `spare`, or frees them when there is one already, unless a
 * frame is on its way. Until prism_nghttp2_take_buffer nothing may be sent. All sessions that share
 * have the default allocator. */
void prism_nghttp2_leave_buffer(nghttp2_session* session, void** spare);

/* Gives the session a buffer, the spare one if there is one; before each nghttp2_session_mem_send.
 * 0, or NGHTTP2_ERR_NOMEM. */
int prism_nghttp2_take_buffer(nghttp2_session* session, void** spare);

/* The end of a spare buffer; NULL is none. */
void prism_nghttp2_free_buffer(void* spare);

#ifdef __cplusplus
}
#endif
