//! Rays and the upright shapes they hit. Metres.

/// Vector or position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vec3 {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

impl Vec3 {
    pub(super) fn new(x: f64, y: f64, z: f64) -> Self {
        Self { x, y, z }
    }

    /// Returns `self + direction * distance`.
    pub(super) fn offset_along(self, direction: Self, distance: f64) -> Self {
        Self::new(
            self.x + direction.x * distance,
            self.y + direction.y * distance,
            self.z + direction.z * distance,
        )
    }
}

/// Half line; `direction` has length 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray {
    pub origin: Vec3,
    pub direction: Vec3,
}

impl Ray {
    pub(super) fn point_at(&self, distance: f64) -> Vec3 {
        self.origin.offset_along(self.direction, distance)
    }
}

/// Intersection of a ray with a surface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Distance from the ray's origin.
    pub range: f64,
    /// Cosine of the angle between ray and surface normal, 0 to 1.
    pub cosine: f64,
}

/// Position on the map and heading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    pub position: Vec3,
    sin: f64,
    cos: f64,
}

impl Pose {
    pub(super) fn new(position: Vec3, yaw: f64) -> Self {
        let (sin, cos) = yaw.sin_cos();
        Self { position, sin, cos }
    }

    /// Transforms a ray into the frame of this pose.
    pub(super) fn ray_to_local(&self, ray: &Ray) -> Ray {
        let turn = |x: f64, y: f64| (self.cos * x + self.sin * y, self.cos * y - self.sin * x);
        let (x, y) = turn(
            ray.origin.x - self.position.x,
            ray.origin.y - self.position.y,
        );
        let (dx, dy) = turn(ray.direction.x, ray.direction.y);
        Ray {
            origin: Vec3::new(x, y, ray.origin.z - self.position.z),
            direction: Vec3::new(dx, dy, ray.direction.z),
        }
    }
}

/// Shape in its own frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Box with axes parallel to the frame's.
    Block { min: Vec3, max: Vec3 },
    /// Upright cylinder around `(x, 0)`, closed on top.
    Column {
        x: f64,
        radius: f64,
        bottom: f64,
        top: f64,
    },
    /// Ball above the frame's origin.
    Ball { radius: f64, height: f64 },
}

/// Upright cylinder that contains a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub radius: f64,
    pub bottom: f64,
    pub top: f64,
}

impl Shape {
    /// Returns a box that stands on the frame's origin.
    pub(super) fn standing_box(length: f64, width: f64, height: f64) -> Self {
        Self::Block {
            min: Vec3::new(-length / 2.0, -width / 2.0, 0.0),
            max: Vec3::new(length / 2.0, width / 2.0, height),
        }
    }

    /// Returns an upright cylinder around the frame's origin that contains the shape.
    pub(super) fn bounds(&self) -> Bounds {
        let (radius, bottom, top) = match *self {
            Self::Block { min, max } => {
                let (x, y) = (min.x.abs().max(max.x.abs()), min.y.abs().max(max.y.abs()));
                (x.hypot(y), min.z, max.z)
            }
            Self::Column {
                x,
                radius,
                bottom,
                top,
            } => (x.abs() + radius, bottom, top),
            Self::Ball { radius, height } => (radius, height - radius, height + radius),
        };
        Bounds {
            radius,
            bottom,
            top,
        }
    }

    /// Returns the first hit of a ray that starts outside, in the shape's frame.
    pub(super) fn first_hit(&self, ray: &Ray) -> Option<Hit> {
        match *self {
            Self::Block { min, max } => hit_block(ray, min, max),
            Self::Column {
                x,
                radius,
                bottom,
                top,
            } => hit_column(ray, x, radius, bottom, top),
            Self::Ball { radius, height } => hit_ball(ray, radius, height),
        }
    }
}

fn hit_block(ray: &Ray, min: Vec3, max: Vec3) -> Option<Hit> {
    let mut enter = Hit {
        range: 0.0,
        cosine: 0.0,
    };
    let mut leave = f64::INFINITY;
    for (origin, direction, low, high) in [
        (ray.origin.x, ray.direction.x, min.x, max.x),
        (ray.origin.y, ray.direction.y, min.y, max.y),
        (ray.origin.z, ray.direction.z, min.z, max.z),
    ] {
        let (a, b) = ((low - origin) / direction, (high - origin) / direction);
        let (near, far) = if a < b { (a, b) } else { (b, a) };
        if near > enter.range {
            enter = Hit {
                range: near,
                cosine: direction.abs(),
            };
        }
        leave = leave.min(far);
    }
    (enter.range > 0.0 && enter.range <= leave).then_some(enter)
}

fn hit_column(ray: &Ray, x: f64, radius: f64, bottom: f64, top: f64) -> Option<Hit> {
    let Ray { origin, direction } = *ray;
    // From above, the ray meets the circle where level t² + 2 towards t + beyond = 0.
    let from = origin.x - x;
    let level = direction.x * direction.x + direction.y * direction.y;
    let towards = from * direction.x + origin.y * direction.y;
    let beyond = from * from + origin.y * origin.y - radius * radius;
    let discriminant = towards * towards - level * beyond;
    if discriminant < 0.0 {
        return None;
    }
    let side = (-towards - discriminant.sqrt()) / level;
    let z = origin.z + direction.z * side;
    if side > 0.0 && (bottom..=top).contains(&z) {
        let cosine = discriminant.sqrt() / radius;
        return Some(Hit {
            range: side,
            cosine,
        });
    }
    let cap = (top - origin.z) / direction.z;
    let at = ray.point_at(cap);
    let inside = (at.x - x).powi(2) + at.y * at.y <= radius * radius;
    (cap > 0.0 && origin.z > top && inside).then_some(Hit {
        range: cap,
        cosine: direction.z.abs(),
    })
}

fn hit_ball(ray: &Ray, radius: f64, height: f64) -> Option<Hit> {
    let Ray { origin, direction } = *ray;
    let from = Vec3::new(origin.x, origin.y, origin.z - height);
    let towards = from.x * direction.x + from.y * direction.y + from.z * direction.z;
    let beyond = from.x * from.x + from.y * from.y + from.z * from.z - radius * radius;
    let discriminant = towards * towards - beyond;
    if discriminant < 0.0 {
        return None;
    }
    let range = -towards - discriminant.sqrt();
    (range > 0.0).then_some(Hit {
        range,
        cosine: discriminant.sqrt() / radius,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ray(origin: [f64; 3], towards: [f64; 3]) -> Ray {
        let [dx, dy, dz] = [0, 1, 2].map(|i| towards[i] - origin[i]);
        let length = (dx * dx + dy * dy + dz * dz).sqrt();
        Ray {
            origin: Vec3::new(origin[0], origin[1], origin[2]),
            direction: Vec3::new(dx / length, dy / length, dz / length),
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn block_is_hit_on_the_near_face() {
        let shape = Shape::standing_box(4.0, 2.0, 1.5);
        let hit = shape
            .first_hit(&ray([10.0, 0.0, 1.0], [0.0, 0.0, 1.0]))
            .expect("hit");
        assert!(close(hit.range, 8.0) && close(hit.cosine, 1.0), "{hit:?}");
        assert!(
            shape
                .first_hit(&ray([10.0, 0.0, 1.0], [20.0, 0.0, 1.0]))
                .is_none(),
            "behind"
        );
        assert!(
            shape
                .first_hit(&ray([10.0, 0.0, 2.0], [0.0, 0.0, 2.0]))
                .is_none(),
            "above"
        );
        let top = shape
            .first_hit(&ray([0.0, 0.0, 5.0], [0.0, 0.0, 0.0]))
            .expect("hit");
        assert!(close(top.range, 3.5), "{top:?}");
    }

    #[test]
    fn column_has_a_side_and_a_top() {
        let shape = Shape::Column {
            x: 1.0,
            radius: 0.5,
            bottom: 0.0,
            top: 2.0,
        };
        let side = shape
            .first_hit(&ray([5.0, 0.0, 1.0], [0.0, 0.0, 1.0]))
            .expect("hit");
        assert!(
            close(side.range, 3.5) && close(side.cosine, 1.0),
            "{side:?}"
        );
        let top = shape
            .first_hit(&ray([1.2, 0.0, 6.0], [1.2, 0.0, 0.0]))
            .expect("hit");
        assert!(close(top.range, 4.0), "{top:?}");
        assert!(
            shape
                .first_hit(&ray([5.0, 0.0, 3.0], [0.0, 0.0, 3.0]))
                .is_none(),
            "above"
        );
    }

    #[test]
    fn ball_is_hit_in_front() {
        let shape = Shape::Ball {
            radius: 1.0,
            height: 3.0,
        };
        let hit = shape
            .first_hit(&ray([-4.0, 0.0, 3.0], [0.0, 0.0, 3.0]))
            .expect("hit");
        assert!(close(hit.range, 3.0), "{hit:?}");
    }

    #[test]
    fn pose_rotates_the_ray() {
        let pose = Pose::new(Vec3::new(10.0, 0.0, 0.0), std::f64::consts::FRAC_PI_2);
        let local = pose.ray_to_local(&ray([10.0, -5.0, 1.0], [10.0, 0.0, 1.0]));
        assert!(
            close(local.origin.x, -5.0) && close(local.origin.y, 0.0),
            "{local:?}"
        );
        assert!(close(local.direction.x, 1.0), "{local:?}");
    }
}
